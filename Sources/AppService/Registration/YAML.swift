import CYaml
import MatrixCore

/// Reads a YAML document as a JSON value: mappings, lists, texts, whole numbers, true, false and null.
///
/// Absent on purpose: anchors, aliases, tags and several documents. They are refused by name, so nothing grows behind one's back.
enum YAML {
    struct Failure: Error, CustomStringConvertible {
        let line: Int
        let reason: String
        var description: String { "line \(line): \(reason)" }
    }
    private static let maxDepth = 20, maxNodes = 20_000

    static func parse(_ bytes: [UInt8]) throws(Failure) -> JSON {
        var parser = yaml_parser_t()
        guard yaml_parser_initialize(&parser) == 1 else { throw Failure(line: 1, reason: "there is no memory left") }
        defer { yaml_parser_delete(&parser) }
        let result: Result<JSON, Failure> = bytes.withUnsafeBufferPointer { buffer in
            yaml_parser_set_input_string(&parser, buffer.baseAddress, buffer.count)
            var reader = Reader(parser: &parser)
            do throws(Failure) { return .success(try reader.document()) } catch { return .failure(error) }
        }
        return try result.get()
    }

    private struct Reader {
        let parser: UnsafeMutablePointer<yaml_parser_t>
        var nodes = 0

        private enum Event {
            case scalar(String, isPlain: Bool), listStart, listEnd, mapStart, mapEnd, documentStart, documentEnd, end
        }

        init(parser: UnsafeMutablePointer<yaml_parser_t>) { self.parser = parser }

        private var line: Int { parser.pointee.mark.line + 1 }

        private func next() throws(Failure) -> Event {
            while true {
                var event = yaml_event_t()
                guard yaml_parser_parse(parser, &event) == 1 else {
                    let problem = parser.pointee.problem.map { String(cString: $0) } ?? "it is no YAML"
                    throw Failure(line: parser.pointee.problem_mark.line + 1, reason: problem)
                }
                defer { yaml_event_delete(&event) }
                switch event.type {
                case YAML_STREAM_START_EVENT, YAML_NO_EVENT: continue
                case YAML_STREAM_END_EVENT: return .end
                case YAML_DOCUMENT_START_EVENT: return .documentStart
                case YAML_DOCUMENT_END_EVENT: return .documentEnd
                case YAML_SEQUENCE_START_EVENT:
                    try refuse(event.data.sequence_start.anchor, event.data.sequence_start.tag)
                    return .listStart
                case YAML_SEQUENCE_END_EVENT: return .listEnd
                case YAML_MAPPING_START_EVENT:
                    try refuse(event.data.mapping_start.anchor, event.data.mapping_start.tag)
                    return .mapStart
                case YAML_MAPPING_END_EVENT: return .mapEnd
                case YAML_SCALAR_EVENT:
                    let scalar = event.data.scalar
                    try refuse(scalar.anchor, scalar.tag)
                    let bytes = UnsafeBufferPointer(start: scalar.value, count: scalar.length)
                    return .scalar(String(decoding: bytes, as: UTF8.self), isPlain: scalar.style == YAML_PLAIN_SCALAR_STYLE)
                default: throw Failure(line: line, reason: "anchors and aliases are not supported")
                }
            }
        }

        private func refuse(_ anchor: UnsafeMutablePointer<UInt8>?, _ tag: UnsafeMutablePointer<UInt8>?) throws(Failure) {
            if anchor != nil { throw Failure(line: line, reason: "anchors and aliases are not supported") }
            if tag != nil { throw Failure(line: line, reason: "tags are not supported") }
        }

        mutating func document() throws(Failure) -> JSON {
            guard case .documentStart = try next() else { throw Failure(line: 1, reason: "the file is empty") }
            let value = try value(try next(), depth: 0)
            guard case .documentEnd = try next(), case .end = try next() else { throw Failure(line: line, reason: "a second document begins") }
            return value
        }

        private mutating func value(_ event: Event, depth: Int) throws(Failure) -> JSON {
            nodes += 1
            guard depth <= maxDepth, nodes <= maxNodes else { throw Failure(line: line, reason: "it is too large or nested too deep") }
            switch event {
            case .scalar(let text, let isPlain): return isPlain ? plain(text) : .string(text)
            case .listStart:
                var list: [JSON] = []
                while true {
                    let event = try next()
                    if case .listEnd = event { return .array(list) }
                    list.append(try value(event, depth: depth + 1))
                }
            case .mapStart:
                var map = JSONObject()
                while true {
                    let event = try next()
                    if case .mapEnd = event { return .object(map) }
                    guard case .scalar(let key, _) = event else { throw Failure(line: line, reason: "a key must be a text") }
                    guard !map.contains(key) else { throw Failure(line: line, reason: "'\(key)' stands twice") }
                    map[key] = try value(try next(), depth: depth + 1)
                }
            default: throw Failure(line: line, reason: "the file ends too early")
            }
        }

        private func plain(_ text: String) -> JSON {
            switch text.lowercased() {
            case "", "~", "null": .null
            case "true", "yes", "on": true
            case "false", "no", "off": false
            default: Int64(text).map { .int($0) } ?? .string(text)
            }
        }
    }
}
