package import Model
package import Prober
package import WebConfiguration

/// What a file for `--config.file` says: modules, targets, and which LISTEN ports are probed.
///
/// ```yaml
/// modules:
///   health:
///     probe: http
///     interval: 1s
///     http: { path: /healthz, status: [200, 204] }
/// targets:
///   - module: health
///     targets: [http://127.0.0.1:8080]
/// listeners:
///   module: tcp
///   exclude: 22
/// ```
package struct ProberConfiguration: Sendable {
    package struct Listeners: Sendable {
        package let module: ProbeModule
        package let included: PortSet?
        package let excluded: PortSet
    }

    /// The modules of the file, and those that need none.
    package private(set) var modules: [ProbeModule]
    package private(set) var targets: [Target] = []
    /// nil where LISTEN ports are not probed.
    package private(set) var listeners: Listeners?

    /// Decodes the text of a file.
    ///
    /// - Parameters:
    ///   - path: what messages call the file; names of files in the text are relative to its
    ///     directory.
    ///   - builtIn: modules that the file need not define, and may. Their times are those of
    ///     modules
    ///     that do not say them.
    package init(path: String, text: [UInt8], builtIn: [ProbeModule] = ProbeModule.builtIn) throws(Problem) {
        modules = builtIn
        guard let root = try YAMLReader.read(text, of: path) else { return }
        let section = try Section(root, keys: ["modules", "targets", "listeners"])
        // The modules first, wherever they stand.
        for entry in try section["modules"]?.entries() ?? [] {
            guard !entry.key.isEmpty else {
                throw entry.value.problem("the name of a module is empty; expected a name")
            }
            let module = try ProbeModule(entry.key, entry.value, like: builtIn.first)
            modules.removeAll { $0.name == module.name }
            modules.append(module)
        }
        for group in try section["targets"]?.items() ?? [] {
            let keys = try Section(group, keys: ["module", "targets"])
            guard let name = keys["module"] else { throw group.problem("missing module") }
            guard let list = keys["targets"] else { throw group.problem("missing targets") }
            let module = try module(name)
            for item in try list.items() {
                let text = try item.text()
                do throws(Target.SyntaxError) {
                    targets.append(try Target(text, module))
                } catch {
                    throw item.problem(error.description)
                }
            }
        }
        if let value = section["listeners"] {
            let keys = try Section(value, keys: ["module", "include", "exclude"])
            guard let name = keys["module"] else { throw value.problem("missing module") }
            listeners = Listeners(
                module: try module(name),
                included: try keys["include"].map { value throws(Problem) in try Self.ports(value) },
                excluded: try keys["exclude"].map { value throws(Problem) in try Self.ports(value) } ?? PortSet()
            )
        }
    }

    private func module(_ name: Value) throws(Problem) -> ProbeModule {
        let text = try name.text()
        if let module = modules.first(where: { $0.name == text }) { return module }
        let known = modules.map(\.name).sorted().joined(separator: ", ")
        throw name.problem("unknown module \(text.quoted); expected one of \(known)")
    }

    private static func ports(_ value: Value) throws(Problem) -> PortSet {
        let right = "expected ports and ranges with commas between, as 8080,9000-9010"
        let ports: PortSet
        let text = try value.text()
        do {
            ports = try PortSet(list: Array(text.utf8).span)
        } catch {
            throw value.problem("character \(error.offset + 1): \(error.problem); \(right)")
        }
        guard !ports.contains(0) else {
            throw value.problem("port 0 is out of range: ports are 1 to 65535; \(right)")
        }
        return ports
    }
}
