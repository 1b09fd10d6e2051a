/// How bad something is, as colour, shape and word.
enum Tone {
    case critical
    case warning
    case note
    case ok

    /// The class in the style sheet.
    var name: String {
        switch self {
        case .critical: "critical"
        case .warning: "warning"
        case .note: "note"
        case .ok: "ok"
        }
    }

    /// An octagon, a triangle, a ring and a disc: the shape tells the severity as well as the colour does.
    var icon: HTML {
        let shape: HTML =
            switch self {
            case .critical:
                """
                <path d="M5 1h6l4 4v6l-4 4H5l-4-4V5z" fill="currentColor"/>\
                <path class="sign" d="M8 4v5M8 10.6v1.8"/>
                """
            case .warning:
                """
                <path d="M8 1.2 15.4 14.5H.6z" fill="currentColor"/><path class="sign" d="M8 6v4M8 11.2v1.7"/>
                """
            case .note:
                """
                <circle class="ring" cx="8" cy="8" r="6.6"/><path class="ring" d="M8 7v4.6M8 4.2v1.7"/>
                """
            case .ok:
                """
                <circle cx="8" cy="8" r="7" fill="currentColor"/><path class="sign" d="m4.6 8.2 2.4 2.4 4.4-4.8"/>
                """
            }
        return """
            <svg class="icon" width="16" height="16" viewBox="0 0 16 16" aria-hidden="true">\(shape)</svg>
            """
    }

    /// The icon of the browser's tab, as the address of an SVG image. It has to be seen on light and dark.
    var favicon: HTML {
        let shape: HTML =
            switch self {
            case .critical: "path d='M5 1h6l4 4v6l-4 4H5l-4-4V5z' fill='%23d8213a'"
            case .warning: "path d='M8 1 15.5 15H.5z' fill='%23d07a00'"
            case .note: "circle cx='8' cy='8' r='7' fill='%237b8796'"
            case .ok: "circle cx='8' cy='8' r='7' fill='%231f9a5b'"
            }
        return """
            data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3C\(shape)/%3E%3C/svg%3E
            """
    }
}
