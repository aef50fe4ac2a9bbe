"""The decisions of basebump: pure functions over the values of `bot.model`, without I/O."""
