"""The commands by name, and the one place where an error of ours becomes a message and an exit status."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Any

import click

from jv3search import __version__
from jv3search.errors import JV3SearchError

COMMANDS = {
    "ingest": "jv3search.cli.ingest:ingest",
    "search": "jv3search.cli.search:search",
    "ask": "jv3search.cli.ask:ask",
    "topics": "jv3search.cli.topics:topics",
    "classify": "jv3search.cli.classify:classify",
    "status": "jv3search.cli.index:status",
    "list": "jv3search.cli.index:list_documents",
    "show": "jv3search.cli.show:show",
    "reindex": "jv3search.cli.index:reindex",
    "remove": "jv3search.cli.index:remove",
    "copy": "jv3search.cli.copy:copy",
    "ui": "jv3search.cli.ui:ui",
    "serve": "jv3search.cli.serve:serve",
    "mcp": "jv3search.cli.mcp:mcp",
    "embed": "jv3search.cli.embed:embed",
    "eval": "jv3search.cli.eval:evaluate",
    "bench": "jv3search.cli.bench:bench",
    "model": "jv3search.cli.model:model",
    "train-adapter": "jv3search.cli.train_adapter:train_adapter",
}
"""Command -> "module:attribute", imported when the command is run or its help is asked for."""

_SUMMARIES = {
    "ingest": "Read documents, embed them with late chunking, and store them.",
    "search": "Find the chunks that answer a question, in any language.",
    "ask": "Answer a question from the documents, each sentence with its source.",
    "topics": "Group the documents by what they are about, in all languages.",
    "classify": "Give each document, or each line of a file, the nearest of some labels.",
    "status": "Show what is in the index.",
    "list": "List the documents in the index.",
    "show": "Print a hit with the chunks around it, or the text of a document.",
    "reindex": "Change the dimension or kind of the vector index, or the model that made it.",
    "remove": "Take documents out of the index.",
    "copy": "Copy an index between folders and PostgreSQL; nothing is embedded.",
    "ui": "Serve the application: search, read and add documents in a browser.",
    "serve": "Serve embeddings and search to programs: Jina's API on this machine.",
    "mcp": "Give an agent tools that search and read the index (MCP).",
    "embed": "Embed lines of text; print one JSON line for each.",
    "eval": "Measure search quality with queries whose answers are known.",
    "bench": "Try Matryoshka dimensions on the index: recall, size, time.",
    "model": "List, fetch and verify models.",
    "train-adapter": "Tune a model on your own pairs of questions and passages.",
}

_INTERRUPTED = 130  # what shells report for Ctrl-C


class LazyGroup(click.Group):
    """A group that imports a command only when it is called, and lists the others by their summaries."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order a newcomer needs them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, _SUMMARIES[name]) for name in COMMANDS])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="jv3search")
def cli() -> None:
    """A local, multilingual knowledge base: ask in one language, find the passage in any other.

    \b
    Start:   ingest FOLDER                 read the documents in a folder
             jv3search search "question"   find the passages that answer it
    Settings can also be given in jv3search.toml or in JV3SEARCH_... variables; see the README.
    """


def run(command: click.Command, arguments: list[str] | None = None, name: str | None = None) -> None:
    """Run a command to its exit status: 0 done, 1 failed, 2 wrong usage, 130 interrupted."""
    try:
        status: Any = command.main(arguments, prog_name=name, standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except JV3SearchError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(1)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted. What was stored is kept; run the same command again to continue.", err=True)
        sys.exit(_INTERRUPTED)
    except BrokenPipeError:  # the reader of our results, `head` say, has seen enough
        _silence()
        sys.exit(0)
    except OSError as error:
        click.echo(f"Error: {error}", err=True)
        _silence()
        sys.exit(1)
    sys.exit(status if isinstance(status, int) else 0)


def _silence() -> None:
    """What is still in stdout's buffer can be written nowhere: let the interpreter not try again at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def main() -> None:
    """Entry point of `jv3search`."""
    _run_and_end(cli, "jv3search")


def ingest_main() -> None:
    """Entry point of `ingest`, which is `jv3search ingest`."""
    from jv3search.cli.ingest import ingest

    _run_and_end(ingest, "ingest")


def _run_and_end(command: click.Command, name: str) -> None:
    """Run a command and end the process at once: taking modules and a model apart is a sixth of a search's time.

    Commands have closed what must be closed by then; only the output is still to be written.
    """
    try:
        run(command, name=name)
    except SystemExit as ended:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        except OSError:  # nobody reads it any more
            _silence()
        os._exit(ended.code if isinstance(ended.code, int) else 0)
