"""Requests as nobody should send them, from a seed: the same ones each time.

Each is (name, bytes, verdict). "malformed": RFC 9112 does not allow it, and no answer may be 200;
"smuggled": it is malformed, and what stands behind it is another request, which may have no answer
at all; "last": it may be answered, but what stands behind it may not; "odd": it may be answered in
whatever way: RFC 9112 lets a server be lenient, or libmicrohttpd 0.9.75 is lenient by itself and
the end of the request is the same for everybody.
"""

import random
import string

HOST = b"Host: localhost\r\n"
END = b"\r\n"
# A second request, whose answer cannot be mistaken: only one that was answered by itself says this.
HIDDEN = b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n"
HIDDEN_ANSWER = b"Healthy."
NOT_TOKEN = bytes(range(0x20)) + b'\x7f "(),/;<=>?@[\\]{}' + bytes(range(0x80, 0x100))
TOKEN = (string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~").encode()


def get(line=b"GET /metrics HTTP/1.1", *headers, host=HOST, body=b""):
    return line + END + host + b"".join(header + END for header in headers) + END + body


class Malformed:
    """Makes them, one after the other."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def requests(self, count):
        """So many, all kinds in turn."""
        kinds = [getattr(self, name) for name in sorted(dir(type(self))) if name.startswith("make_")]
        for number in range(count):
            kind = kinds[number % len(kinds)]
            yield (kind.__name__.removeprefix("make_"), *kind())

    # What the kinds are made of.

    def one(self, *choices):
        return self.random.choice(choices)

    def some(self, alphabet, least=1, most=12):
        return bytes(self.random.choice(alphabet) for _ in range(self.random.randint(least, most)))

    def spoilt(self, text, byte):
        """The text with a byte put in somewhere, but not at an end."""
        place = self.random.randint(1, len(text) - 1)
        return text[:place] + byte + text[place:]

    # The first line.

    def make_method(self):
        bad = self.one(b"\0", b"\x01", b"(", b"@", b'"', b"\x80", b"{", b"/", b"\x7f", b"[")
        return get(self.spoilt(b"GET", bad) + b" /metrics HTTP/1.1"), "malformed"

    def make_unknown_method(self):
        method = self.one(b"get", b"Get", b"GETT", b"G", b"POST", b"PUT", b"DELETE", b"TRACE", b"X" * 500, self.some(TOKEN))
        return get(method + b" /metrics HTTP/1.1"), "malformed"

    def make_version(self):
        version = self.one(
            *(b"HTTP/1.x", b"HTTP/9.9", b"HTTP/1.10", b"http/1.1", b"HTTP/2.0", b"HTTP/11", b"HTTP/1.1x", b"HTTP/ 1.1"),
            *(b"HTTP/1", b"HTTP", b"HTTP/", b"HTTP/1.", b"HTTP/.1", b"HTTP/-1.1", b"HTTP/+1.1", b"HTTP/01.1", b"HTTP/1,1"),
            *(b"HTTP/0.9", b"HTTP/3", b"FTP/1.1", b"1.1", b"HTTP/1.1\0", b"HTTP/\xb1.1", b"HTTPS/1.1"),
        )
        return get(b"GET /metrics " + version), "malformed"

    def make_no_version(self):
        line = self.one(b"GET /metrics", b"GET", b"GET ", b"/metrics", b"GET /metrics ", b"", b" ")
        return line + END + self.one(b"", END, HOST + END), "odd" if not line else "malformed"

    def make_words(self):
        line = self.one(
            *(b"GET /metrics HTTP/1.1 x", b"GET /met rics HTTP/1.1", b"GET /metrics x HTTP/1.1"),
            *(b"GET /metrics HTTP/1.1 HTTP/1.1", b"GET /metrics?a b HTTP/1.1"),
        )
        return get(line), "malformed"

    def make_white_space(self):
        """RFC 9112 (3) lets a server be lenient here."""
        line = self.one(
            *(b" GET /metrics HTTP/1.1", b"\tGET /metrics HTTP/1.1", b"GET\t/metrics\tHTTP/1.1", b"GET  /metrics  HTTP/1.1"),
            *(b"GET /metrics HTTP/1.1 ", b"GET /metrics HTTP/1.1\t", b"GET\x0b/metrics HTTP/1.1", b"GET /metrics\rHTTP/1.1"),
        )
        return get(line), "odd"

    def make_target(self):
        target = self.one(
            *(b"metrics", b"*", b"localhost:80", b"?", b"\\metrics", b"//", b":", b"-", b"http:"),
            *(b"\0/metrics", b"/met\0rics", b"/met%00rics"),
            *(b"/metrics#x", b"/metrics\x01", b"/metrics\x7f", b"/metrics\xff", b"/metrics%", b"/metrics%z", b"/met\rrics"),
        )
        return get(b"GET " + target + b" HTTP/1.1"), "malformed"

    def make_odd_target(self):
        target = self.one(
            *(
                b"/met%72ics",
                b"/./metrics",
                b"/x/../metrics",
                b"//metrics",
                b"/metrics/",
                b"/metrics?%00",
                b"/metrics?" + b"&" * 500,
            ),
            # libmicrohttpd ends a target at its first NUL.
            *(b"/metrics\0", b"/metrics\0x", b"/metrics%00", b"/metrics%00.txt", b"/\0metrics", b"/%00/metrics", b"http://"),
            *(
                b"http://localhost/metrics",
                b"http://other/metrics",
                b"/metrics?x=%",
                b"/metrics?%zz",
                b"/METRICS",
                b"/metrics;x",
            ),
            b"/" + self.some(bytes(range(0x21, 0x7F)), 1, 200),
        )
        return get(b"GET " + target + b" HTTP/1.1"), "odd"

    def make_control_in_query(self):
        return get(b"GET /metrics?x=" + self.one(b"\0", b"\0\0", b"a\0b") + b" HTTP/1.1"), "odd"

    def make_long_line(self):
        return get(b"GET /" + b"x" * self.random.randint(40_000, 60_000) + b" HTTP/1.1"), "malformed"

    # Headers.

    def make_host(self):
        host = self.one(
            b"", HOST * 2, HOST + b"host: other\r\n", b"Host : localhost\r\n", b"Host: a\0b\r\n", b"Hos: t\r\n", b"Host\r\n"
        )
        return get(host=host), "odd" if b"\0" in host else "malformed"

    def make_name(self):
        # A line feed ends the line, and white space at its beginning goes on with the line before.
        bad = bytes([self.random.choice(NOT_TOKEN.replace(b"\n", b"").replace(b"\r", b""))])
        name = self.spoilt(b"Header", bad) if bad in b" \t" or self.random.random() < 0.7 else bad + b"Header"
        return get(b"GET /metrics HTTP/1.1", name + b": x"), "malformed"

    def make_space_before_colon(self):
        return get(
            b"GET /metrics HTTP/1.1", b"X" + self.one(b" ", b"\t", b"  ", b"\x0b", b"\x0c", b"\0") + b": y"
        ), "malformed"

    def make_no_name(self):
        return get(
            b"GET /metrics HTTP/1.1", self.one(b": x", b":", b"::", b"no colon", b"\0", b"=x", b"GET / HTTP/1.1")
        ), "odd"

    def make_first_header_folded(self):
        return b"GET /metrics HTTP/1.1\r\n" + self.one(b" ", b"\t") + b"Folded: x\r\n" + HOST + END, "malformed"

    def make_zero_line(self):
        # A NUL and a lone line feed look like an empty line behind libmicrohttpd, which
        # makes two NULs of each.
        line = self.one(b"\0", b"\0X: y", b"\0\0", b"\0X\n", b"X: y\r\n\0")
        return get(b"GET /metrics HTTP/1.1", line + END + HIDDEN), "odd"

    def make_fold(self):
        return get(b"GET /metrics HTTP/1.1", b"X: a" + END + self.one(b" ", b"\t") + b"b"), "odd"

    def make_zero_in_value(self):
        return get(b"GET /metrics HTTP/1.1", b"X: " + self.spoilt(b"value", b"\0")), "odd"

    def make_control_in_value(self):
        return get(
            b"GET /metrics HTTP/1.1", b"X: " + self.spoilt(b"value", self.one(b"\r", b"\x01", b"\x08", b"\x7f", b"\xff"))
        ), "odd"

    def make_bare_line_feeds(self):
        return get().replace(END, b"\n"), "odd"

    def make_bomb(self):
        size = self.random.randint(40_000, 100_000)
        headers = self.one(
            [b"X: " + b"y" * size],
            [b"X" * size + b": y"],
            [b"X%d: y" % number for number in range(size // 8)],
            [b"X: y"] * (size // 6),
            [b"Cookie: " + b"a=b; " * (size // 5)],
            [b"X: " + b"\r\n ".join([b"folded"] * (size // 10))],
        )
        return get(b"GET /metrics HTTP/1.1", *headers), "malformed"

    def make_mutation(self):
        data = bytearray(get(b"GET /metrics HTTP/1.1", b"Accept: text/plain;q=0.5, */*", b"Accept-Encoding: gzip"))
        for _ in range(self.random.randint(1, 6)):
            data[self.random.randrange(len(data))] = self.random.randrange(256)
        return bytes(data), "odd"

    def make_odd_values(self):
        name = self.one(
            b"Accept", b"Accept-Encoding", b"Authorization", b"Connection", b"Expect", b"Range", b"Upgrade", b"TE", b"Cookie"
        )
        return get(b"GET /metrics HTTP/1.1", name + b": " + self.some(bytes(range(0x20, 0x7F)), 0, 300)), "odd"

    # Where the body ends.

    def make_length(self):
        value = self.one(
            *(
                b"abc",
                b"-1",
                b"+5",
                b"5, 6",
                b"0x10",
                b"1e3",
                b"99999999999999999999",
                b"18446744073709551616",
                b"5 5",
                b"5x",
                b"",
                b" ",
            ),
            *(
                b"18446744073709551615",
                b"9223372036854775808",
                b"\xb2",
                b"1_0",
                b"0b1",
                b"1.0",
                b"5\0",
                b'"5"',
                b"5;5",
                b"--5",
            ),
        )
        # libmicrohttpd ends a value at its first NUL.
        return get(b"GET /metrics HTTP/1.1", b"Content-Length: " + value, body=HIDDEN), (
            "odd" if b"\0" in value else "smuggled"
        )

    def make_two_lengths(self):
        first, second = self.one((0, len(HIDDEN)), (len(HIDDEN), 0), (5, 6), (len(HIDDEN),) * 2)
        headers = [b"Content-Length: %d" % first, self.one(b"content-length", b"Content-Length") + b": %d" % second]
        return get(b"GET /metrics HTTP/1.1", *headers, body=HIDDEN), "smuggled"

    def make_length_and_chunks(self):
        headers = [b"Content-Length: %d" % self.one(0, 4, 5, len(HIDDEN) + 5), b"Transfer-Encoding: chunked"]
        self.random.shuffle(headers)
        return get(self.one(b"GET", b"POST") + b" /metrics HTTP/1.1", *headers, body=b"0\r\n\r\n" + HIDDEN), "smuggled"

    def make_transfer_coding(self):
        value = self.one(
            *(b"xchunked", b"chunked, identity", b"gzip, chunked", b"\x0bchunked", b"chunked\0", b"chunked;x", b"'chunked'"),
            *(
                b"identity",
                b"chunked, chunked",
                b"chunked\x0b",
                b'"chunked"',
                b"chu\0nked",
                b"chunke",
                b"cow",
                b"\xa0chunked",
            ),
        )
        return get(b"GET /metrics HTTP/1.1", b"Transfer-Encoding: " + value, body=b"0\r\n\r\n" + HIDDEN), (
            "odd" if value == b"chunked\0" else "smuggled"
        )

    def make_transfer_coding_name(self):
        name = self.one(
            b"Transfer-Encoding ",
            b"Transfer-Encoding\t",
            b" Transfer-Encoding",
            b"Transfer\0-Encoding",
            b"Transfer-Encoding\0",
        )
        headers = [name + b": chunked", b"Content-Length: %d" % len(HIDDEN)]
        return get(b"POST /metrics HTTP/1.1", *headers, body=HIDDEN), "smuggled"

    def make_two_transfer_codings(self):
        headers = [
            b"Transfer-Encoding: " + self.one(b"chunked", b"identity", b"x"),
            b"Transfer-Encoding: " + self.one(b"cow", b"identity"),
        ]
        self.random.shuffle(headers)
        return get(b"POST /metrics HTTP/1.1", *headers, body=b"0\r\n\r\n" + HIDDEN), "smuggled"

    def make_chunks_of_old(self):
        line = self.one(b"GET", b"POST") + b" /metrics HTTP/1.0"
        return get(line, b"Transfer-Encoding: chunked", b"Connection: keep-alive", body=b"0\r\n\r\n" + HIDDEN), "last"

    def make_chunk_size(self):
        size = self.one(
            *(
                b"FFFFFFFFFFFFFFFFF",
                b"-1",
                b"0x5",
                b"+5",
                b"g",
                b"",
                b"5 5",
                b"\0",
                b"5\0",
                b"FFFFFFFFFFFFFFFF",
                b"10000000000000000",
            ),
            *(b"8000000000000000", b"5,", b".5", b"5.", b"\xb5", b"5_", b"_5", b"'5'", b"5=", b"1G"),
        )
        return get(
            b"GET /metrics HTTP/1.1", b"Transfer-Encoding: chunked", body=size + END + b"hello\r\n0\r\n\r\n" + HIDDEN
        ), "smuggled"

    def make_chunk_end(self):
        body = self.one(
            b"5\r\nhelloX\r\n0\r\n\r\n",
            b"5\r\nhello0\r\n\r\n",
            b"5\r\nhello\rX0\r\n\r\n",
            b"3\r\nhello\r\n0\r\n\r\n",
            b"5\rhello\r\n0\r\n\r\n",
        )
        return get(b"GET /metrics HTTP/1.1", b"Transfer-Encoding: chunked", body=body + HIDDEN), "smuggled"

    def make_chunk_extension(self):
        extension = self.one(b";" + b"x" * 40_000, b";x=" + b"y" * 40_000, b";x" * 20_000, b"0" * 40_000, b" " * 40_000)
        return get(
            b"GET /metrics HTTP/1.1", b"Transfer-Encoding: chunked", body=b"5" + extension + END + b"hello\r\n0\r\n\r\n"
        ), "odd"

    def make_trailers(self):
        trailers = self.one(
            b"X: " + b"y" * 40_000, b"X: y\r\n" * 10_000, b"Content-Length: 5", b"no colon", b"\0: x", b" fold: x"
        )
        return get(b"GET /metrics HTTP/1.1", b"Transfer-Encoding: chunked", body=b"0\r\n" + trailers + END + END), "odd"

    # What is no HTTP/1.1 at all.

    def make_other_protocol(self):
        data = self.one(
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9) + bytes(100),
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + self.random.randbytes(508),
            b"SSH-2.0-OpenSSH_9.2\r\n",
            b"\x05\x01\x00",
            b"EHLO localhost\r\n",
            b"*1\r\n$4\r\nPING\r\n",
            b"\0" * 2000,
            b"\n" * 5000,
            self.random.randbytes(self.random.randint(1, 3000)),
        )
        return data, "malformed"

    def make_cut(self):
        whole = get(b"POST /metrics HTTP/1.1", b"Accept: */*", b"Content-Length: 30", body=b"x" * 30)
        return whole[: self.random.randint(0, len(whole) - 1)], "malformed"

    def make_cut_in_chunks(self):
        whole = get(b"GET /metrics HTTP/1.1", b"Transfer-Encoding: chunked", body=b"5;x=y\r\nhello\r\n0\r\nX: y\r\n\r\n")
        return whole[: self.random.randint(0, len(whole) - 1)], "malformed"

    def make_empty_lines_before(self):
        return END * self.random.randint(1, 3000) + get(), "odd"

    def make_after_a_good_one(self):
        other = self.one(
            self.make_target, self.make_host, self.make_zero_in_value, self.make_length, self.make_cut, self.make_name
        )
        data, verdict = other()
        return get(b"GET /nothing HTTP/1.1") + data, verdict
