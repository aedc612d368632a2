"""Many documents of one language must not push the answers in other languages out of sight."""

import itertools
from datetime import UTC, datetime

import numpy as np

from jv3search import knowledge_base
from jv3search.indexes import LedgerRow, open_writer
from jv3search.search.filters import make_filter
from jv3search.search.rescoring import rescored
from jv3search.types import Chunk, Document, EmbeddedDocument, Filter, Source, Span
from tests.legs import dense_hits

EVERYTHING = Filter()
ANSWERS = {
    "如何从备份中恢复已删除的文件？": "backup.en.md",
    "打印机的墨盒空了，怎样更换？": "drucker.de.txt",
    "怎样选择安全的密码？": "パスワード.ja.txt",
    "明天天气怎么样": "สภาพอากาศ.th.txt",
}
# Questions that the crowd hides from these weights though not as deep as by cosine: known losses.
HIDDEN, WEATHER = ("明天的气温和降雨预报", "明天会下雨吗"), "สภาพอากาศ.th.txt"
VERBS = ["打开", "保存", "关闭", "打印", "复制", "删除", "移动", "编辑", "查看", "设置", "选择", "更新"]
THINGS = [
    "密码",
    "打印机",
    "备份文件",
    "无线网络",
    "已删除的文件",
    "墨盒",
    "地图",
    "星星",
    "天气预报",
    "安全密码",
    "行星图片",
    "网络连接",
]
REMARKS = [
    "单击该命令",
    "按下快捷键即可完成操作",
    "请先选定要处理的区域",
    "此选项仅对当前文件有效",
    "该设置在重新启动之后生效",
    "可以随时撤消上一步操作",
    "请输入新的名称并按回车键",
    "系统会显示一条提示信息",
    "所有更改都会自动记录",
    "默认情况下该功能处于关闭状态",
]


def crowd(encoder):
    """1,440 Chinese chunks with the words of the questions, none of which is an answer, in 48 documents."""
    said = [f"要{verb}{thing}，{remark}。" for verb, thing, remark in itertools.product(VERBS, THINGS, REMARKS)]
    rows = encoder.encode(said, "retrieval.passage")
    for start in range(0, len(said), 30):
        part = said[start : start + 30]
        ends = np.cumsum([len(sentence) for sentence in part]).tolist()
        spans = [Span(end - len(sentence), end) for sentence, end in zip(part, ends, strict=True)]
        source = Source(f"/crowd/{start}.txt", "0" * 64, ends[-1], datetime.now(UTC))
        chunks = tuple(Chunk(span, "zh", 20) for span in spans)
        document = Document("".join(part), f"crowd {start}", "txt")
        yield EmbeddedDocument(source, document, "zh", chunks, rows[start : start + 30])


def ledger_row(embedded):
    return LedgerRow(
        uri=embedded.source.uri, digest=embedded.source.digest, size=embedded.source.size, state="done", reason="",
        checked_at=datetime.now(UTC), pages=0, chunks=len(embedded.chunks), language="zh", seconds=0.0,
    )  # fmt: skip


def by_cosine(index, query, k, where=EVERYTHING):
    ids, cosines = rescored(index, query, k, where, 3 * k)
    return index.hits(ids.tolist(), cosines.tolist())


def ranks(find, reader, encoder):
    return {name: rank(find, reader, encoder.encode_query(question), name) for question, name in ANSWERS.items()}


def rank(find, reader, query, name, most=50):
    with reader.snapshot() as index:
        hits = find(index, query, most)
    return next((hit.rank for hit in hits if hit.uri.endswith(name)), most + 1)


def test_chinese_documents_do_not_hide_the_answers_in_other_languages(index):
    with knowledge_base.open(index) as kb:
        reader, encoder = kb.reader, kb.encoder
        before = ranks(dense_hits, reader, encoder)
        assert before == dict.fromkeys(ANSWERS.values(), 1)
        with open_writer(index, reader.manifest) as writer:
            for embedded in crowd(encoder):
                writer.replace(embedded, ledger_row(embedded))
        cosine, normalised = ranks(by_cosine, reader, encoder), ranks(dense_hits, reader, encoder)
        hidden = [
            [rank(find, reader, encoder.encode_query(question), WEATHER, 300) for find in (dense_hits, by_cosine)]
            for question in HIDDEN
        ]
    assert max(normalised.values()) <= 3, normalised
    assert sum(rank > 3 for rank in cosine.values()) >= 2, cosine  # else this test could not fail
    # forecasts are what 120 of the Chinese sentences name: 11 and 121, 40 and 210
    assert all(2 * ours < cosine <= 300 for ours, cosine in hidden), hidden


def test_a_filter_to_one_language_leaves_the_order_by_cosine(index):
    where = make_filter(languages=["en"])
    with knowledge_base.open(index) as kb, kb.reader.snapshot() as snapshot:
        query = kb.encoder.encode_query("restore deleted files")
        assert [hit.chunk_id for hit in dense_hits(snapshot, query, 9, where)] == [
            hit.chunk_id for hit in by_cosine(snapshot, query, 9, where)
        ]
        assert len(dense_hits(snapshot, query, 8)) == 8
        (leg,) = dense_hits(snapshot, query, 1)[0].legs
    assert (leg.leg, leg.rank) == ("dense", 1)
    assert leg.z > 0
