/// One step of libyaml through a text.
struct YAMLEvent {
    enum Kind: Equatable {
        case documentStart
        case documentEnd
        case scalar(String, isPlain: Bool)
        case sequenceStart
        case mappingStart
        /// The end of a sequence or of a mapping.
        case collectionEnd
        /// What an anchor has named, once more.
        case alias(String)
    }

    let kind: Kind
    /// The line it begins in, from 1.
    let line: Int
    /// The name by which an alias can call for it.
    var anchor: String?
    /// The tag in full, where one was written.
    var tag: String?
}
