/// One of the figures that the project wants to reach.
struct Figure: Codable {
    let name: String
    /// As measured.
    let value: Double
    /// Where it should be.
    let goal: Goal
    let reached: Bool

    /// Bounds, of which either may be missing.
    struct Goal: Codable {
        let least: Double?
        let most: Double?

        /// As people say it.
        var text: String {
            switch (least, most) {
            case (let least?, let most?): "\(Number.text(least)) to \(Number.text(most))"
            case (let least?, nil): "at least \(Number.text(least))"
            case (nil, let most?): "at most \(Number.text(most))"
            case (nil, nil): "yes"
            }
        }
    }

    init(_ name: String, _ value: Double, atLeast least: Double? = nil, atMost most: Double? = nil) {
        self.name = name
        self.value = value
        goal = Goal(least: least, most: most)
        reached = value >= least ?? -.infinity && value <= most ?? .infinity
    }

    /// A question that is answered yes or no.
    init(_ name: String, _ answer: Bool) {
        self.name = name
        value = answer ? 1 : 0
        goal = Goal(least: nil, most: nil)
        reached = answer
    }

    /// The value as people say it.
    var text: String { goal.least == nil && goal.most == nil ? (reached ? "yes" : "no") : Number.text(value) }
}
