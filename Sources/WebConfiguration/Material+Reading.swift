extension WebConfiguration.Material {
    /// Reads what may stand in the configuration file, under `name`, or in a file of its own, under `name_file`; nil
    /// where neither is there.
    init?(_ name: String, of section: Section, _ warnings: inout [Problem]) throws(Problem) {
        let inline = try section.nonEmptyText(name)
        if let (path, value) = try section.nonEmptyText("\(name)_file") {
            // The path is not quoted: it may be the key itself, under the wrong name.
            if path.hasControlCharacters {
                throw value.problem("expected the path of a file on one line; what is in the file goes under \(name)")
            }
            if let inline {
                warnings.append(inline.value.problem("\(name)_file is there too and is used; expected one of them"))
            }
            self.init(source: .file(path.joined(withDirectoryOf: value.place.file)), place: value.place)
        } else if let inline {
            self.init(source: .inline(Array(inline.text.utf8)), place: inline.value.place)
        } else {
            return nil
        }
    }
}

extension String {
    /// The path as seen from the directory of a file, unless it is absolute.
    fileprivate func joined(withDirectoryOf file: String) -> String {
        guard !hasPrefix("/"), let slash = file.lastIndex(of: "/") else { return self }
        return String(file[...slash]) + self
    }
}
