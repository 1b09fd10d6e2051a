import Foundation
import System

/// Writes the generated parts of docs/metrics.md: `metrics_document docs/metrics.md`, as `make
/// docs` does.
@main
struct Main {
    static func main() throws {
        guard let path = try ProcessArguments.read().first else {
            print("usage: metrics_document FILE")
            exit(64)
        }
        let text = try String(contentsOfFile: path, encoding: .utf8)
        try MetricsDocument.updating(text).write(toFile: path, atomically: true, encoding: .utf8)
    }
}
