extension Endpoint {
    /// A page that is made when somebody asks for it, at most once for each published page and form.
    package struct OnDemandPage: Sendable {
        /// Where it is, such as `/`. The telemetry path goes first.
        let path: String
        /// Headers of its own. One that the web configuration file sets takes the place of one of these.
        let headers: [(name: String, value: String)]
        /// The numbers that its query may hold, such as `refresh` from 1 to 3600; other arguments are ignored.
        let arguments: [String: ClosedRange<Int>]
        /// Makes the page, for those arguments that the query has.
        let make: @Sendable (_ arguments: [String: Int]) -> Page

        /// A page on demand.
        ///
        /// - Parameter make: called on a thread that makes one page after the other. It may take its time: those who
        ///   ask for such a page wait for it, and nobody else.
        package init(
            path: String,
            headers: [(name: String, value: String)] = [],
            arguments: [String: ClosedRange<Int>] = [:],
            make: @escaping @Sendable (_ arguments: [String: Int]) -> Page
        ) {
            self.path = path
            self.headers = headers
            self.arguments = arguments
            self.make = make
        }
    }
}

/// A page on demand in the form that a query asks for.
struct PageForm: Hashable {
    /// Which page, by its place in the settings.
    let place: Int
    let arguments: [String: Int]

    /// Reads the arguments of a query.
    ///
    /// - Throws: what one of them has to be.
    init(_ query: RequestFields, ofPage place: Int, _ page: Endpoint.OnDemandPage) throws(RequestFault) {
        var arguments: [String: Int] = [:]
        for (name, value) in query.all {
            guard let range = page.arguments[name] else { continue }
            let isNumber = value.utf8.allSatisfy { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }
            guard isNumber, let number = Int(value), range.contains(number), arguments[name] == nil else {
                let bounds = "from \(range.lowerBound) to \(range.upperBound)"
                throw RequestFault(sentence: "\(name) has to be one whole number \(bounds).")
            }
            arguments[name] = number
        }
        self.place = place
        self.arguments = arguments
    }
}
