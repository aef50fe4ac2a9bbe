"""Pages are easy to read: short sentences and short paragraphs."""

from __future__ import annotations

import pytest
from support.docs.prose import count_words, list_paragraphs, list_sentences
from support.docs.written import PAGES, read_page
from support.parts import ROOT

MAX_PARAGRAPH_WORDS = 80
MAX_SENTENCE_WORDS = 30


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_paragraphs_and_sentences_of_docs_do_not_exceed_word_limits(path):
    paragraphs = list(list_paragraphs(read_page(path)))
    assert [each for each in paragraphs if count_words(each) > MAX_PARAGRAPH_WORDS] == []
    sentences = [sentence for each in paragraphs for sentence in list_sentences(each)]
    assert [each for each in sentences if count_words(each) > MAX_SENTENCE_WORDS] == []


def test_prose_check_reads_paragraphs_and_list_items_without_tables_and_code():
    page = "# A title\n\nOne `a b c` [two](x.md). Three!\n\n- four\n  five\n\n| six |\n|---|\n| x |\n\n```sh\nls\n```\n"
    assert list(list_paragraphs(page)) == ["One code two. Three!", "four five"]
    assert list_sentences("One code two. Three! (Four.) `.five`") == ["One code two.", "Three!", "(Four.)", "`.five`"]
    assert count_words("one \N{EN DASH} two") == 2
