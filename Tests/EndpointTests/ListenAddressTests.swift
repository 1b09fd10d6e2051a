import Endpoint
import Testing

@Suite("A listen address")
struct ListenAddressTests {
    @Test(
        "A valid listen address is parsed and printed unchanged",
        arguments: [
            ":10057", ":0", ":65535", "127.0.0.1:10057", "0.0.0.0:10057", "[::1]:10057", "[::]:10057",
            "[fe80::1%lo]:10057", "[fec0::1]:10057", "[fe8::1]:10057",
            "[::ffff:127.0.0.1]:10057", "localhost:10057", "my-host_1.example.org:80",
        ]
    )
    func isRead(text: String) throws {
        #expect(try ListenAddress(text).description == text)
    }

    @Test(
        "The one-line error for an invalid listen address states the problem and the expected form",
        arguments: [
            ("", #""": no address; write :10057 for every address, or 127.0.0.1:10057"#),
            ("10057", #""10057": no port; write :10057 for every address, or 127.0.0.1:10057"#),
            ("localhost", #""localhost": no port; write localhost:10057"#),
            ("a\nb", #""a\nb": no port; write a\nb:10057"#),
            ("127.0.0.1", #""127.0.0.1": no port; write 127.0.0.1:10057"#),
            ("[::1]", #""[::1]": no port; write [::1]:10057"#),
            (":", #"":": no port after the colon, as in :10057"#),
            ("127.0.0.1:", #""127.0.0.1:": no port after the colon, as in 127.0.0.1:10057"#),
            ("[::1]:", #""[::1]:": no port after the colon, as in [::1]:10057"#),
            (":70000", #"":70000": port 70000 is not in 0-65535"#),
            (":99999999999999999999", #"":99999999999999999999": port 99999999999999999999 is not in 0-65535"#),
            (":-1", #"":-1": port "-1" is not a number"#),
            (":+1", #"":+1": port "+1" is not a number"#),
            (":http", #"":http": port "http" is not a number"#),
            (":80 ", #"":80 ": port "80 " is not a number"#),
            (":٣", #"":٣": port "٣" is not a number"#),
            (
                "127.0.0.1:18001:2",
                #""127.0.0.1:18001:2": after the address come one colon and one port, as in 127.0.0.1:10057"#
            ),
            (
                "localhost:1:2",
                #""localhost:1:2": after the address come one colon and one port, as in localhost:10057"#
            ),
            ("::ffff:127.0.0.1:1", #""::ffff:127.0.0.1:1": put an IPv6 address in brackets, as in [::1]:10057"#),
            ("a\u{202E}:1", #""a\u202e:1": "a\u202e" is neither an address nor a name"#),
            ("::1:10057", #""::1:10057": put an IPv6 address in brackets, as in [::1]:10057"#),
            ("::1", #""::1": put an IPv6 address in brackets, as in [::1]:10057"#),
            ("[::1:10057", #""[::1:10057": the bracket is not closed; write [::1]:10057"#),
            ("[::1]10057", #""[::1]10057": after the bracket come a colon and the port, as in [::1]:10057"#),
            ("[::1]x:10057", #""[::1]x:10057": after the bracket come a colon and the port, as in [::1]:10057"#),
            ("[]:10057", #""[]:10057": the brackets do not hold an IPv6 address, as in [::1]:10057"#),
            ("[127.0.0.1]:1", #""[127.0.0.1]:1": the brackets do not hold an IPv6 address, as in [::1]:10057"#),
            ("[::g]:1", #""[::g]:1": the brackets do not hold an IPv6 address, as in [::1]:10057"#),
            (
                "[fe80::1%]:1",
                #""[fe80::1%]:1": after the % comes the name of an interface, as in [fe80::1%eth0]:10057"#
            ),
            (
                "[fe80::1]:1",
                #""[fe80::1]:1": a link-local address takes a zone, the name of its interface, as in [fe80::1%eth0]:10057"#
            ),
            (
                "[FEBF::]:1",
                #""[FEBF::]:1": a link-local address takes a zone, the name of its interface, as in [FEBF::%eth0]:10057"#
            ),
            ("300.0.0.1:1", #""300.0.0.1:1": 300.0.0.1 is not an IPv4 address"#),
            ("127.1:1", #""127.1:1": 127.1 is not an IPv4 address"#),
            ("my host:1", #""my host:1": "my host" is neither an address nor a name"#),
            ("*:1", #""*:1": "*" is neither an address nor a name"#),
            (
                "http://localhost:1",
                #""http://localhost:1": an address has neither scheme nor path, as in localhost:10057"#
            ),
            ("a\nb:1", #""a\nb:1": "a\nb" is neither an address nor a name"#),
        ]
    )
    func isRefused(text: String, message: String) {
        let error = #expect(throws: Endpoint.SyntaxError.self) { try ListenAddress(text) }
        #expect(error?.description == message)
    }
}
