import Foundation

/// The picture as PNG, where a browser is there to draw it.
enum Picture {
    /// Renders an SVG file, twice as large as it says, for sharp screens. Without chromium there is
    /// no PNG. What chromium says of buses and displays that a headless machine does not have is of
    /// no use.
    static func render(_ svg: URL, to png: URL) throws {
        guard (try? FinishedProgram(["sh", "-c", "command -v chromium"], within: 10)) != nil else {
            print("No results.png: chromium is not installed.")
            return
        }
        let home = FileManager.default.temporaryDirectory.appending(path: "timewait_benchmark.\(getpid())")
        defer { try? FileManager.default.removeItem(at: home) }
        let command = [
            "sh", "-c", "exec chromium \"$@\" 2>/dev/null", "sh", "--headless", "--no-sandbox", "--disable-gpu",
            "--hide-scrollbars", "--log-level=3",
            "--user-data-dir=\(home.path)", "--force-device-scale-factor=2", "--window-size=1080,640",
            "--screenshot=\(png.path)", svg.absoluteString,
        ]
        _ = try FinishedProgram(command, within: 60)
    }
}
