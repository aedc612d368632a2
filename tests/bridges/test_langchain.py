"""The retriever in a real chain of LangChain."""

import asyncio

import pytest

pytest.importorskip("langchain_core")

from langchain_core.runnables import RunnableLambda

from jv3search.bridges.langchain import KnowledgeBaseRetriever
from tests.bridges.conftest import QUESTIONS, check


@pytest.mark.parametrize(("query", "name"), list(QUESTIONS.items()))
def test_a_document_can_be_quoted(kb, query, name):
    (document,) = KnowledgeBaseRetriever(kb=kb, k=1).invoke(query)
    check(name, document.page_content, document.metadata)
    assert document.metadata["source"] == document.metadata["uri"]


def test_in_a_chain_that_is_awaited(kb):
    quoted = RunnableLambda(
        lambda documents: [f"{one.metadata['language']}: {one.page_content}" for one in documents]
    )
    chain = KnowledgeBaseRetriever(kb=kb, k=2, mode="keyword") | quoted
    (found,) = asyncio.run(chain.ainvoke("الخريطة lang:ar"))
    assert found.startswith("ar: يعرض برنامج الخرائط")
