import Advice
import Aggregator
import Catalogue
import Exposition
import KernelReaders
import Model
import Presentation
import Sampler
import Scenes
import Testing

@Suite("Values of procfs that no kernel should print")
struct ExtremeValuesTests {
    /// A changing procfs, and what is made of it: the page in both formats, and the diagnosis as
    /// text, as JSON and as the landing page.
    private struct Reader: ~Copyable {
        private var sampler: Sampler
        private var earlier: Sample?
        private var now = Instant(nanoseconds: 1_000_000_000_000)

        init(_ scene: Scene) {
            var settings = SamplerSettings()
            settings.interval = 1
            settings.cpuShare = 1
            settings.accounting.portsLimit = 65_535
            settings.accounting.peersLimit = 3
            settings.accounting.servicePorts = PortSet([8080, 65_535])
            settings.accounting.udpServicePorts = PortSet([53])
            sampler = Sampler(ProcFilesystem(mount: scene.path), settings, from: now) { _ in }
        }

        /// Reads, and makes everything of it.
        ///
        /// - Returns: the page.
        mutating func read() -> String {
            now = now + 1
            let sample = sampler.tick(at: now)
            let facts = ExporterFacts(version: "1", revision: "", swiftVersion: "6", microhttpdVersion: "1")
            let input = PageInput(sample: sample, exporter: facts)
            var situation = Situation(host: "host", kernel: "Linux", sample: sample)
            situation.earlier = earlier
            situation.time = 1_800_000_000
            for hasMemory in [false, true] {
                situation.hasMemory = hasMemory
                let diagnosis = Diagnosis(of: situation)
                var options = TextReport.Options()
                options.isVerbose = true
                #expect(TextReport.text(diagnosis, options).contains("host"))
                #expect(!diagnosis.json.isEmpty)
                #expect(!LandingPage(diagnosis, situation, LandingPage.Settings(version: "1")).html.isEmpty)
            }
            earlier = sample
            #expect(!Catalogue.page(input, .openMetrics).bytes.isEmpty)
            return String(decoding: Catalogue.page(input).bytes, as: UTF8.self)
        }
    }

    private static let header =
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode"

    private static func hexadecimal(_ number: some FixedWidthInteger, _ width: Int) -> String {
        let digits = String(number, radix: 16, uppercase: true)
        return String(repeating: "0", count: width - digits.count) + digits
    }

    @Test("Sockets in use that do not fit into a number are absent and counted as malformed")
    func inUse() throws {
        let scene = try Scene(copyOf: "mixed")
        defer { try? scene.remove() }
        try scene.write(
            "sockets: used 3\nTCP: inuse 9223372036854775807 orphan 0 tw 3 alloc 1 mem 1\n",
            to: "thread-self/net/sockstat"
        )
        try scene.write("TCP6: inuse 1\n", to: "thread-self/net/sockstat6")
        var reader = Reader(scene)
        let page = reader.read()
        #expect(!page.contains("timewait_inuse_sockets") && page.contains("\ntimewait_buckets 3\n"))
        #expect(page.contains(#"timewait_sampler_errors_total{collector="sockstat",reason="malformed"} 1"#))
    }

    @Test("Counters of the kernel that wrap do so on the page, too")
    func counters() throws {
        let scene = try Scene(copyOf: "mixed")
        defer { try? scene.remove() }
        try scene.write("TCP: inuse 1 orphan 0 tw 3 alloc 1 mem 1\n", to: "thread-self/net/sockstat")
        func write(_ timeWait: UInt64, _ killed: UInt64) throws {
            let values = "\(timeWait) \(killed) \(UInt64.max) \(UInt64.max)"
            try scene.write(
                "TcpExt: TW TWKilled TWRecycled TCPTimeWaitOverflow\nTcpExt: \(values)\n",
                to: "thread-self/net/netstat"
            )
        }
        try write(.max, 4)
        var reader = Reader(scene)
        #expect(reader.read().contains("\ntimewait_entries_total 3\n"))
        for (timeWait, killed) in [(0, .max), (.max, .max), (1 << 63, 1 << 63), (5, 0)] as [(UInt64, UInt64)] {
            try write(timeWait, killed)
            #expect(reader.read().contains("\ntimewait_entries_total \(timeWait &+ killed)\n"))
        }
    }

    @Test("A table that listens on every port has 65,535 listening ports and one malformed row")
    func allPorts() throws {
        let scene = try Scene(copyOf: "mixed")
        defer { try? scene.remove() }
        let rows = (0...65_535 as ClosedRange<Int>).map { port in
            "\(port): 00000000:\(Self.hexadecimal(port, 4)) 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0"
                + "        0 \(port + 1) 1 0000000000000000 100 0 0 10 0"
        }
        try scene.write(([Self.header] + rows).joined(separator: "\n") + "\n", to: "thread-self/net/tcp")
        try scene.write(Self.header + "\n", to: "thread-self/net/tcp6")
        var reader = Reader(scene)
        let page = reader.read()
        #expect(page.contains(#"timewait_port_listeners{port="65535"} 1"#))
        #expect(!page.contains(#"timewait_port_listeners{port="0"}"#))
        #expect(page.contains(#"timewait_sampler_errors_total{collector="socket_table",reason="malformed_row"} 1"#))
        #expect(page.contains(#"timewait_table_sockets{family="ipv4",state="listen"} 65535"#))
    }

    /// The files whose numbers are changed.
    private static let files = [
        "thread-self/net/tcp", "thread-self/net/tcp6", "thread-self/net/udp", "thread-self/net/udp6",
        "thread-self/net/sockstat", "thread-self/net/sockstat6", "thread-self/net/netstat", "thread-self/net/fib_trie",
        "thread-self/net/if_inet6", "sys/net/ipv4/ip_local_port_range", "sys/net/ipv4/ip_local_reserved_ports",
    ]

    private static let sysctls = Sysctl.allCases.map { "sys/net/ipv4/\($0.rawValue)" }

    private static let extremes = [
        "0", "1", "2", "255", "600", "65535", "65536", "2147483647", "2147483648", "4294967295", "4294967296",
        "9223372036854775807", "9223372036854775808", "18446744073709551615", "18446744073709551616", "-1",
    ]

    private static func one(of words: [String], _ random: inout SeededNumbers) -> String {
        words[Int.random(in: words.indices, using: &random)]
    }

    /// The text with some of its numbers changed to extreme ones: columns of hexadecimal digits
    /// keep their width, others may get any.
    private static func distorted(_ text: String, _ isHexadecimal: Bool, _ random: inout SeededNumbers) -> String {
        let rarity = Int.random(in: 2...30, using: &random)
        var result = ""
        var word = ""
        func changed(_ word: String) -> String {
            guard !word.isEmpty, word.allSatisfy(\.isHexDigit), word.contains(where: \.isNumber),
                Int.random(in: 0..<rarity, using: &random) == 0
            else { return word }
            guard isHexadecimal, [2, 4, 8, 32].contains(word.count) else { return one(of: extremes, &random) }
            let digits = one(of: ["0", "F", "7", "8", "1"], &random)
            let rest = one(of: ["0", "F", digits], &random)
            return digits + String(repeating: rest, count: word.count - 1)
        }
        for character in text {
            if character.isHexDigit {
                word.append(character)
            } else {
                result += changed(word)
                word = ""
                result.append(character)
            }
        }
        return result + changed(word)
    }

    @Test("Whatever numbers procfs prints, the page and the diagnosis are made", arguments: 0..<24 as Range<UInt64>)
    func anyNumbers(seed: UInt64) throws {
        var random = SeededNumbers(seed)
        let scene = try Scene(copyOf: ["mixed", "new_syn_recv", "reserved_64k", "one_port_range"][Int(seed % 4)])
        defer { try? scene.remove() }
        var originals: [(file: String, text: String)] = []
        for file in Self.files + Self.sysctls {
            // Not every scene has every file.
            guard let bytes = try? scene.bytes(file) else { continue }
            originals.append((file, String(decoding: bytes, as: UTF8.self)))
        }
        #expect(originals.count > 10)
        var reader = Reader(scene)
        for _ in 0..<5 {
            for (file, text) in originals where Bool.random(using: &random) {
                let isTable = file.hasSuffix("tcp") || file.hasSuffix("tcp6") || file.contains("/udp")
                try scene.write(Self.distorted(text, isTable, &random), to: file)
            }
            for file in Self.sysctls where Int.random(in: 0..<4, using: &random) == 0 {
                try scene.write(Self.one(of: Self.extremes, &random) + "\n", to: file)
            }
            #expect(reader.read().contains("timewait_exporter_build_info"))
        }
    }
}

/// Numbers that follow from a seed (SplitMix64).
private struct SeededNumbers: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var number = state
        number = (number ^ number >> 30) &* 0xBF58_476D_1CE4_E5B9
        number = (number ^ number >> 27) &* 0x94D0_49BB_1331_11EB
        return number ^ number >> 31
    }
}
