/// How far a request has come. It lies in the pointer that libmicrohttpd keeps for us with each request, and so needs
/// no memory.
enum RequestStage: Int {
    /// The first line is there.
    case begun = 1
    /// The headers are there; the body may follow.
    case headersRead
    /// We have queued an answer.
    case answered
}

extension RequestStage {
    /// The pointer that stands for the stage. It points nowhere.
    var pointer: UnsafeMutableRawPointer? {
        unsafe UnsafeMutableRawPointer(bitPattern: rawValue)
    }

    /// The stage that a pointer stands for.
    init?(_ pointer: UnsafeMutableRawPointer?) {
        self.init(rawValue: Int(bitPattern: pointer))
    }
}
