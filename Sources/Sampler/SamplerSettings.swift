package import Aggregator

/// What a sampler is told once, when it starts.
package struct SamplerSettings: Sendable {
    /// The least number of seconds between two readings of the socket table.
    package var interval = 5.0
    /// The part of one core, above 0 and at most 1, that readings of the socket table may take: above it the interval
    /// is stretched.
    package var cpuShare = 0.01
    /// Where to read the socket table.
    package var source = SourceChoice.auto
    /// How much the accounting keeps and tells.
    package var accounting = AccountingSettings()

    /// The settings that hold where nothing else is said.
    package init() {}
}
