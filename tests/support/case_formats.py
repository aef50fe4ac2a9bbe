"""The formats as the cases of tests need them: one that reads only what operators name reads every file here."""

from __future__ import annotations

from bot.formats import formats_with

CASE_FORMATS = formats_with({"text": ("**",)})
