"""The retriever in a real Haystack pipeline, also saved and loaded again."""

import pytest

haystack = pytest.importorskip("haystack")

from haystack.components.builders import PromptBuilder  # noqa: E402

from jv3search.bridges.haystack import KnowledgeBaseRetriever  # noqa: E402
from tests.bridges.conftest import QUESTIONS, check  # noqa: E402


@pytest.mark.parametrize(("query", "name"), list(QUESTIONS.items()))
def test_a_document_can_be_quoted(kb, query, name):
    (document,) = KnowledgeBaseRetriever(kb, k=1).run(query)["documents"]
    check(name, document.content, document.meta)
    assert round(document.score, 4) == document.meta["relevance"]


def test_in_a_pipeline_that_is_saved_and_loaded(kb):
    pipeline = haystack.Pipeline()
    pipeline.add_component("retriever", KnowledgeBaseRetriever(kb, k=2, mode="keyword"))
    template = "{% for document in documents %}[{{ document.meta.uri }}] {{ document.content }}\n{% endfor %}"
    pipeline.add_component("prompt", PromptBuilder(template, required_variables=["documents"]))
    pipeline.connect("retriever.documents", "prompt.documents")
    asked = {"retriever": {"query": "маршрутизатора"}}
    prompt = pipeline.run(asked)["prompt"]["prompt"]
    assert "сеть.ru.txt] Беспроводная сеть не работает." in prompt
    again = haystack.Pipeline.loads(pipeline.dumps(), allowed_modules=["jv3search.bridges.haystack"])
    assert again.run(asked)["prompt"]["prompt"] == prompt
    assert (
        pipeline.run({"retriever": {"query": "tintenpat*", "k": 1}})["prompt"]["prompt"].count("drucker.de.txt")
        == 1
    )
