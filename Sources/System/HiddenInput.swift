import Glibc

/// A line that is typed on a terminal without echo, such as a password.
package enum HiddenInput {
    /// Asks for a line.
    ///
    /// - Parameters:
    ///   - terminal: the path of the terminal.
    ///   - limit: the most bytes of the line.
    /// - Returns: the line without its end; nil where there is no terminal, or it ends before a
    ///   line.
    package static func line(from terminal: String, prompt: String, atMost limit: Int) -> [UInt8]? {
        // open() only reads the name.
        let descriptor = unsafe open(terminal, O_RDWR | O_NOCTTY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        // The calls on the terminal's settings read or write one termios.
        var shown = termios()
        guard unsafe tcgetattr(descriptor, &shown) == 0 else { return nil }
        var hidden = shown
        // Signals stay on: after Ctrl-C the shell turns the echo on again, as after curl.
        hidden.c_lflag &= ~tcflag_t(ECHO)
        // Input before the prompt was echoed, so it is dropped.
        guard unsafe tcsetattr(descriptor, TCSAFLUSH, &hidden) == 0 else { return nil }
        defer { _ = unsafe tcsetattr(descriptor, TCSAFLUSH, &shown) }
        // The line can be typed even if the prompt is not visible.
        try? writeAll(Array(prompt.utf8), to: descriptor, terminal)
        var line: [UInt8] = []
        while line.count < limit {
            var byte: UInt8 = 0
            // One byte at a time, so that nothing after the line is consumed.
            let count = unsafe read(descriptor, &byte, 1)
            if count < 0, errno == EINTR { continue }
            guard count == 1 else { return nil }
            guard byte != UInt8(ascii: "\n") else { break }
            line.append(byte)
        }
        try? writeAll([UInt8(ascii: "\n")], to: descriptor, terminal)
        return line
    }
}
