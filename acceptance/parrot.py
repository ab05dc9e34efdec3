"""A bot written with simplematrixbotlib, as its owner would write one: `!echo` and `!sum`. It keeps its session and keys in its directory.

    python parrot.py HOMESERVER NAME PASSWORD
"""

from __future__ import annotations

import sys

import simplematrixbotlib as botlib

homeserver, name, password = sys.argv[1:]
config = botlib.Config()
config.encryption_enabled = True
config.store_path = "keys"
config.timeout = 500          # ms of its first sync, which skips what came before; a bot that comes back would wait for news a minute long
config.max_timeouts = 1000    # how often it tries to reach a server that is away; by default it gives up at once
bot = botlib.Bot(botlib.Creds(homeserver, name, password, session_stored_file="session"), config)


@bot.listener.on_message_event
async def answer(room, message):
    match = botlib.MessageMatch(room, message, bot, "!")
    if not (match.is_not_from_this_bot() and match.prefix()):
        return
    if match.command("echo"):
        await bot.api.send_text_message(room.room_id, " ".join(match.args()), msgtype="m.notice")
    elif match.command("sum"):
        await bot.api.send_markdown_message(room.room_id, f"**{sum(int(word) for word in match.args())}**")


bot.run()
