import Foundation
import Glibc
import RemoteExporter
import Testing

@Suite("A password prompt on a terminal")
struct TerminalPasswordTests {
    @Test("The prompt returns the typed line without echoing it")
    func typed() throws {
        // This end is that of whoever types.
        let keyboard = unsafe open("/dev/ptmx", O_RDWR | O_NOCTTY)
        defer { close(keyboard) }
        // What unlockpt() and ptsname() do, which the C library shows to some sources only:
        // TIOCSPTLCK and TIOCGPTN.
        var (lock, number): (CInt, CInt) = (0, 0)
        #expect(unsafe ioctl(keyboard, 0x4004_5431, &lock) == 0)
        #expect(unsafe ioctl(keyboard, 0x8004_5430, &number) == 0)
        let terminal = "/dev/pts/\(number)"
        let typist = Thread {
            var shown = ""
            func see(_ text: String) {
                while !shown.contains(text) {
                    var bytes = [UInt8](repeating: 0, count: 256)
                    let count = unsafe read(keyboard, &bytes, bytes.count)
                    guard count > 0 else { return }
                    shown += String(decoding: bytes.prefix(count), as: UTF8.self)
                }
            }
            see("Password of user 'alice': ")
            unsafe write(keyboard, "s3 cret:é\n", 11)
            see("\r\n")
            #expect(shown == "Password of user 'alice': \r\n")
        }
        typist.start()
        #expect(TerminalPassword.ask(of: "alice", on: terminal) == "s3 cret:é")
        while !typist.isFinished { usleep(1_000) }
    }

    @Test("The prompt returns nothing without a terminal", arguments: ["/nowhere/tty", "/dev/null"])
    func noTerminal(path: String) {
        #expect(TerminalPassword.ask(of: "alice", on: path) == nil)
    }
}
