import Endpoint

/// The page at `/` of `--web.disable-landing-page`: what this is, and where the metrics are.
enum BareLandingPage {
    /// The page in HTML.
    static func content(version: String, telemetryPath: String) -> Endpoint.Page {
        let path = escaped(telemetryPath)
        let page = """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <title>timewait_exporter</title>
            <style>body { font: 16px/1.5 sans-serif; max-width: 40em; margin: 3em auto; padding: 0 1em; }</style>
            </head>
            <body>
            <h1>timewait_exporter</h1>
            <p>Who makes the TIME_WAIT sockets of this machine, which services can lose their ports, and how much of the ephemeral
            port range is used: as metrics for Prometheus.</p>
            <ul>
            <li><a href="\(path)">Metrics</a></li>
            <li><a href="/-/healthy">Healthy</a>: the process answers</li>
            <li><a href="/-/ready">Ready</a>: there is a sample, and it is fresh</li>
            </ul>
            <p>Version \(escaped(version))</p>
            </body>
            </html>

            """
        return Endpoint.Page(body: Array(page.utf8), contentType: "text/html; charset=utf-8")
    }

    private static func escaped(_ text: String) -> String {
        var escaped = ""
        for character in text {
            switch character {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            default: escaped.append(character)
            }
        }
        return escaped
    }
}
