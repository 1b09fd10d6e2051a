import Glibc

/// Asks for a password on a terminal, where it is not shown.
package enum TerminalPassword {
    /// Asks for the password of a user.
    ///
    /// - Parameter terminal: that of the process, if it has one.
    /// - Returns: the line that was typed; nil where there is no terminal, or it ends before a line.
    package static func ask(of user: String, on terminal: String = "/dev/tty") -> String? {
        // Only the name is read.
        let descriptor = unsafe open(terminal, O_RDWR | O_NOCTTY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var shown = termios()
        guard unsafe tcgetattr(descriptor, &shown) == 0 else { return nil }
        var hidden = shown
        // Signals stay on: who gives up with Ctrl-C has a shell that shows again what is typed, as after curl.
        hidden.c_lflag &= ~tcflag_t(ECHO)
        // What was typed before the question is dropped: it was shown.
        guard unsafe tcsetattr(descriptor, TCSAFLUSH, &hidden) == 0 else { return nil }
        defer { _ = unsafe tcsetattr(descriptor, TCSAFLUSH, &shown) }
        write("Password of user '\(user)': ", to: descriptor)
        var line: [UInt8] = []
        while line.count < 1024 {
            var byte: UInt8 = 0
            // One byte at a time, so that nothing behind the line is taken.
            let count = unsafe read(descriptor, &byte, 1)
            if count < 0, errno == EINTR { continue }
            guard count == 1 else { return nil }
            guard byte != UInt8(ascii: "\n") else { break }
            line.append(byte)
        }
        write("\n", to: descriptor)
        return String(decoding: line, as: UTF8.self)
    }

    private static func write(_ text: String, to descriptor: CInt) {
        let bytes = Array(text.utf8)
        // A question that is not shown can be answered all the same.
        _ = unsafe Glibc.write(descriptor, bytes, bytes.count)
    }
}
