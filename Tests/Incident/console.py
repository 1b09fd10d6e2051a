"""What the demo prints: a line for each event, with the seconds since the start, and the state of
the host as progress. On a terminal the progress is the last line; elsewhere it is a line each ten
seconds."""

import os
import sys
import textwrap
import time

LEAST_COLUMNS, MOST_COLUMNS = 40, 100
STYLES = {"act": "1;36", "good": "32", "bad": "31", "alert": "33", "command": "1", "": ""}
PROGRESS_SECONDS = 10


class Console:
    def __init__(self, stream=sys.stdout):
        self.stream = stream
        self.start = time.monotonic()
        self.live = stream.isatty()
        self.columns = MOST_COLUMNS
        if self.live:
            width = os.get_terminal_size(stream.fileno()).columns or MOST_COLUMNS
            self.columns = min(MOST_COLUMNS, max(LEAST_COLUMNS, width))
        self.colored = self.live and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        self.progress_at = 0
        # Every line that was printed: (style, text).
        self.lines = []

    def seconds(self):
        return time.monotonic() - self.start

    def say(self, text, style=""):
        """An event: its first line has the time."""
        clock = f"{self.seconds():5.0f} s  "
        lines = textwrap.wrap(text, self.columns - len(clock), break_long_words=False, break_on_hyphens=False)
        for number, line in enumerate(lines):
            self._line((clock if number == 0 else " " * len(clock)) + line, style)

    def act(self, number, title):
        self.blank()
        self._line(f"Act {number}: {title}", "act")

    def blank(self):
        self._line("")

    def quote(self, text, style=""):
        """What a program printed."""
        for line in text.splitlines():
            self._line(f"         | {line}", style)

    def command(self, words):
        lines = textwrap.wrap(words, self.columns - 15, break_long_words=False, break_on_hyphens=False)
        for number, line in enumerate(lines):
            end = " \\" if number < len(lines) - 1 else ""
            self._line(f"         {'$' if number == 0 else ' '} {line}{end}", "command")

    def progress(self, text):
        if self.live:
            self.stream.write(f"\r\x1b[K{self.seconds():5.0f} s  {text[: self.columns - 9]}")
            self.stream.flush()
        elif self.seconds() - self.progress_at >= PROGRESS_SECONDS:
            self.progress_at = self.seconds()
            self._line(f"{self.seconds():5.0f} s  {text}")

    def _line(self, text, style=""):
        text = text.rstrip()
        self.lines.append((style, text))
        shown = f"\x1b[{STYLES[style]}m{text}\x1b[0m" if self.colored and style else text
        self.stream.write(("\r\x1b[K" if self.live else "") + shown + "\n")
        self.stream.flush()
