/// Which sections of the page a client asks for: `?collect[]=NAME` for some, `?exclude[]=NAME` for all but some.
enum SectionFilter: Hashable {
    case only(Set<String>)
    case allBut(Set<String>)

    /// Reads the arguments of a query; nil where it has none of ours.
    ///
    /// - Parameters:
    ///   - arguments: others than ours are passed over.
    ///   - names: the sections that there are.
    init?(_ arguments: RequestFields, among names: [String]) throws(RequestFault) {
        let wanted = arguments.all.filter { $0.name == "collect[]" }.map(\.value)
        let unwanted = arguments.all.filter { $0.name == "exclude[]" }.map(\.value)
        guard wanted.isEmpty || unwanted.isEmpty else {
            throw RequestFault(sentence: "collect[] and exclude[] cannot be combined; ask with one of them.")
        }
        for name in wanted + unwanted where !names.contains(name) {
            let list = names.joined(separator: ", ")
            // Repeated only where it could be a name: nothing else that a client wrote is shown to its browser.
            let isName =
                !name.isEmpty && name.utf8.count <= 40
                && name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }
            let wrong = isName ? "collector \"\(name)\"" : "such collector"
            throw RequestFault(sentence: "There is no \(wrong); those of the page are \(list).")
        }
        if !wanted.isEmpty {
            self = .only(Set(wanted))
        } else if !unwanted.isEmpty {
            self = .allBut(Set(unwanted))
        } else {
            return nil
        }
    }

    /// Whether a section belongs to the answer; those without a name always do.
    func takes(_ section: Endpoint.Page.Section) -> Bool {
        guard let name = section.name else { return true }
        return switch self {
        case .only(let names): names.contains(name)
        case .allBut(let names): !names.contains(name)
        }
    }
}
