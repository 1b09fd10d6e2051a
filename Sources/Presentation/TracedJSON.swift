import Advice
import Model

/// The part `traced` of a diagnosis as JSON, and back.
extension Traced {
    var fact: Fact {
        .object([
            .init("by", .text(by.rawValue)),
            .init("seconds", .double(seconds)),
            .init("closes", .list(closers.map { .object($0.name.members + $0.counts.members) })),
            .init("other_closes", .object(others.members)),
            .init(
                "connect_failures",
                .list(
                    failedConnects.map {
                        .object(
                            $0.name.members + [
                                .init("address", .text($0.address)), .init("port", .int(Int($0.port))),
                                .init("calls", .int($0.calls)),
                            ]
                        )
                    }
                )
            ),
            .init("other_connect_failures", .int(otherFailedConnects)),
            .init(
                "bind_failures",
                failedBinds.map { binds in
                    .list(
                        binds.sorted { $0.key < $1.key }.map {
                            .object($0.key.members + [.init("calls", .int($0.value))])
                        }
                    )
                } ?? .null
            ),
            .init("lost", .int(lost)),
        ])
    }

    init(_ object: Decoding) throws(Diagnosis.Unreadable) {
        guard let tracer = Tracer(rawValue: try object.text("by")) else {
            throw object.problem("by", "expected diagnose or exporter")
        }
        var failedBinds: [ProgramName: Int]?
        if object.fact.member("bind_failures") != .null {
            let binds = try object.list("bind_failures") { item throws(Diagnosis.Unreadable) in
                (try ProgramName(item), try item.int("calls"))
            }
            failedBinds = Dictionary(binds) { $1 }
        }
        self.init(
            by: tracer,
            seconds: try object.double("seconds"),
            closers: try object.list("closes") { item throws(Diagnosis.Unreadable) in
                Closer(name: try ProgramName(item), counts: try Counts(item))
            },
            others: try Counts(try object.object("other_closes")),
            failedConnects: try object.list("connect_failures") { item throws(Diagnosis.Unreadable) in
                FailedConnects(
                    name: try ProgramName(item),
                    address: try item.text("address"),
                    port: try item.optionalPort("port") ?? 0,
                    calls: try item.int("calls")
                )
            },
            otherFailedConnects: try object.int("other_connect_failures"),
            failedBinds: failedBinds,
            lost: try object.int("lost")
        )
    }
}

extension ProgramName {
    fileprivate var members: [Fact.Member] { [.init("process", .text(process)), .init("unit", .text(unit))] }

    fileprivate init(_ object: Decoding) throws(Diagnosis.Unreadable) {
        self.init(unit: try object.text("unit"), process: try object.text("process"))
    }
}

extension Traced.Counts {
    fileprivate var members: [Fact.Member] { [.init("local", .int(local)), .init("remote", .int(remote))] }

    fileprivate init(_ object: Decoding) throws(Diagnosis.Unreadable) {
        self.init(local: try object.int("local"), remote: try object.int("remote"))
    }
}
