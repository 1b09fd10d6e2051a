import Exposition

/// The input is the values of samples and the texts of their labels. A reader of its own finds the
/// same ones on the page.
enum SamplesTarget {
    private static let family = MetricFamily("fuzz_total", .counter, labels: ["number", "text"], "Any \"value\" \\.\n")

    static func check(_ input: [UInt8]) {
        var input = Input(input)
        var samples: [(value: MetricValue, text: String)] = []
        while !input.rest.isEmpty {
            let kind = input.byte()
            let bits = input.number(bytes: 8)
            let text = String(decoding: input.piece(Int(input.byte())), as: UTF8.self)
            let value: MetricValue =
                switch kind % 3 {
                case 0: .count(bits)
                case 1: .real(Double(bitPattern: bits))
                default: MetricValue(Int(bitPattern: UInt(bits)))
                }
            samples.append((value, text))
        }
        for format in TextFormat.allCases {
            var writer = TextWriter(format)
            writer.begin(section: "all")
            writer.begin(family)
            for (number, sample) in samples.enumerated() { writer.sample(sample.value, "\(number)", sample.text) }
            let page = ExpositionText(writer.page())
            must(page.values.count == samples.count, "\(page.values.count) samples")
            for (number, sample) in samples.enumerated() {
                let labels = ["number", "\(number)", "text", sample.text]
                let found = page.values[ExpositionText.Series(name: "fuzz_total", labels: labels)]
                let expected =
                    switch sample.value {
                    case .count(let count): Double(count)
                    case .real(let number): number
                    }
                let isSame = found.map { $0 == expected || $0.isNaN && expected.isNaN } == true
                must(isSame, "\(sample.value) became \(found ?? 0)")
            }
        }
    }
}
