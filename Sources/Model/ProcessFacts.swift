/// What the exporter's own process costs, as every Prometheus client library tells it.
public struct ProcessFacts: Equatable, Sendable {
    /// User and system CPU time since the start, in seconds.
    public var cpuSeconds: Double
    /// Open file descriptors.
    public var openDescriptors: Int
    /// The limit of open file descriptors (RLIMIT_NOFILE, the soft one).
    public var descriptorLimit: UInt64
    /// Virtual memory in bytes.
    public var virtualMemory: Int
    /// Resident memory in bytes.
    public var residentMemory: Int
    /// When the process started, in seconds since 1970.
    public var startTime: Double
    /// Threads of the process.
    public var threads: Int

    /// The facts of one moment.
    public init(
        cpuSeconds: Double,
        openDescriptors: Int,
        descriptorLimit: UInt64,
        virtualMemory: Int,
        residentMemory: Int,
        startTime: Double,
        threads: Int
    ) {
        self.cpuSeconds = cpuSeconds
        self.openDescriptors = openDescriptors
        self.descriptorLimit = descriptorLimit
        self.virtualMemory = virtualMemory
        self.residentMemory = residentMemory
        self.startTime = startTime
        self.threads = threads
    }
}
