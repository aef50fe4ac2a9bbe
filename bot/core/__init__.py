"""The decisions of basebump, as pure functions over the values of `bot.model`. They do no I/O."""
