/// What one turn of a method cost, and what it saw.
struct Measurement {
    /// CPU time of one reading.
    let milliseconds: Double
    /// How many TIME_WAITs it saw.
    let timeWaits: Int
}

/// Something that counts the TIME_WAITs of this network namespace.
protocol Method: AnyObject {
    /// Which one it is.
    var name: MethodName { get }
    /// Takes its turn.
    func measure() throws -> Measurement
    /// Its process, if it is one that stays.
    var files: ProcessFiles? { get }
}

extension Method {
    var files: ProcessFiles? { nil }
}

/// The methods that are compared.
enum MethodName: String, CaseIterable, Codable, CodingKeyRepresentable {
    case sockDiagFloor = "sock_diag_floor"
    case exporterSockDiag = "exporter_sock_diag"
    case exporterWithoutArrivals = "exporter_sock_diag_without_arrivals"
    case nodeExporter = "node_exporter"
    case nodeExporterOfDebian13 = "node_exporter_of_debian_13"
    case procfsFloor = "procfs_floor"
    case exporterProcfs = "exporter_procfs"
    case ss

    /// How people call it.
    var label: String {
        switch self {
        case .sockDiagFloor: "C, sock_diag, counts only"
        case .exporterSockDiag: "timewait_exporter, sock_diag"
        case .exporterWithoutArrivals: "the same with --sockets.limit=0"
        case .nodeExporter: "node_exporter, tcpstat"
        case .nodeExporterOfDebian13: "node_exporter of Debian 13, tcpstat"
        case .procfsFloor: "C, procfs, reads only"
        case .exporterProcfs: "timewait_exporter, procfs"
        case .ss: "ss -tan state time-wait"
        }
    }
}
