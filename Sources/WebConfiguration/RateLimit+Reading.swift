extension WebConfiguration.RateLimit {
    /// Reads `rate_limit`; nil where the interval is 0 or absent, which is no limit.
    init?(_ value: Value, _ warnings: inout [Problem]) throws(Problem) {
        let section = try Section(value, keys: ["interval", "burst"])
        let burst = try section["burst"]?.count()
        guard let intervalValue = section["interval"] else {
            if let burst = section["burst"] {
                warnings.append(
                    burst.problem("no interval is given, and requests are not limited; interval: 1s limits them")
                )
            }
            return nil
        }
        let interval = try Self.interval(intervalValue)
        if interval == .zero { return nil }
        if (burst ?? 0) == 0 {
            let place = (section["burst"] ?? value).place
            let found = burst == nil ? "no burst is given, which means 0" : "a burst of 0"
            warnings.append(Problem(place: place, reason: "\(found): every request is refused; expected 1 or more"))
        }
        self.init(interval: interval, burst: burst ?? 0)
    }

    private static func interval(_ value: Value) throws(Problem) -> Duration {
        let text = try value.text(expecting: "a duration")
        let example = "expected one as 1s, 250ms or 1m30s, or 0 for no limit"
        do throws(GoDuration.Fault) {
            let interval = try GoDuration.read(text)
            if interval < .zero { throw .negative }
            return interval
        } catch {
            switch error {
            case .noUnit: throw value.problem("the number \(text.quoted) has no unit; \(example)")
            case .negative: throw value.problem("the duration \(text.quoted) is negative; \(example)")
            case .tooLong: throw value.problem("the duration \(text.quoted) is longer than 292 years; \(example)")
            case .malformed: throw value.problem("\(text.quoted) is no duration; \(example)")
            }
        }
    }
}
