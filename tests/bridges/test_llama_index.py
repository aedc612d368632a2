"""The retriever in a real LlamaIndex query engine."""

import pytest

pytest.importorskip("llama_index.core")

from llama_index.core.llms import MockLLM
from llama_index.core.query_engine import RetrieverQueryEngine

from jv3search.bridges.llama_index import KnowledgeBaseRetriever
from tests.bridges.conftest import QUESTIONS, check


@pytest.mark.parametrize(("query", "name"), list(QUESTIONS.items()))
def test_a_node_can_be_quoted(kb, query, name):
    (found,) = KnowledgeBaseRetriever(kb, k=1).retrieve(query)
    check(name, found.text, found.metadata)
    assert [found.node.start_char_idx, found.node.end_char_idx] == found.metadata["span"]
    assert round(found.score, 4) == found.metadata["relevance"]


def test_in_a_query_engine(kb):
    engine = RetrieverQueryEngine.from_args(KnowledgeBaseRetriever(kb, k=2), llm=MockLLM())
    answer = engine.query("如何安装新的字体")
    assert "要安装新的字体" in str(answer)  # the mock repeats its prompt
    assert answer.source_nodes[0].metadata["language"] == "zh"
