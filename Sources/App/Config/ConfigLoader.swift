import Glibc
import MatrixCore
package import ServerKit

/// Why the settings cannot be used. The text says where and what to do, and never repeats a secret.
package enum ConfigError: Error, Sendable, Equatable, CustomStringConvertible {
    case unreadable(file: String, reason: String)
    case syntax(file: String, line: Int)
    case unknown(key: String, source: String, suggestion: String?)
    case twice(key: String, file: String, line: Int)
    case badValue(key: String, source: String, expected: String)

    package var description: String {
        switch self {
        case .unreadable(let file, let reason): "\(file) cannot be read: \(reason)."
        case .syntax(let file, let line): "\(file), line \(line): expected `key = value`, a comment that starts with #, or nothing."
        case .unknown(let key, let source, let suggestion):
            "\(source): there is no setting '\(key)'." + (suggestion.map { " Did you mean '\($0)'?" } ?? "") + " `comptoir config` prints all of them."
        case .twice(let key, let file, let line): "\(file), line \(line): '\(key)' stands twice."
        case .badValue(let key, let source, let expected): "\(source): '\(key)' must be \(expected)."
        }
    }
}

/// Reads the settings: first the file, then the environment (`COMPTOIR_SERVER_NAME`), then the flags; the last one wins.
///
/// Invariants: a key of the file or a flag that is not known is an error; nothing is guessed from a value that does not fit.
package enum ConfigLoader {
    /// `flags` and the file use the keys of `Setting.all`. An empty value means the default.
    package static func load(file: String?, environment: [String: String] = environment, flags: [(key: String, value: String)] = []) throws(ConfigError) -> Config {
        var config = Config()
        if let file = file ?? environment["COMPTOIR_CONFIG"].flatMap({ $0.isEmpty ? nil : $0 }) {
            for entry in try parse(try read(file), file: file) {
                try apply(entry.key, entry.value, source: "\(file), line \(entry.line)", to: &config)
            }
        }
        for setting in Setting.all {
            guard let value = environment[setting.variable] else { continue }
            try apply(setting.key, value, source: "environment \(setting.variable)", to: &config)
        }
        for flag in flags { try apply(flag.key, flag.value, source: "--" + flag.key.split(separator: "_").joined(separator: "-"), to: &config) }
        return config
    }

    /// The lines of a settings file that say something.
    static func parse(_ text: String, file: String) throws(ConfigError) -> [(key: String, value: String, line: Int)] {
        var entries: [(key: String, value: String, line: Int)] = []
        for (index, raw) in text.split(omittingEmptySubsequences: false, whereSeparator: { $0 == "\n" || $0 == "\r\n" }).enumerated() {
            let line = trim(raw)
            if line.isEmpty || line.first == "#" { continue }
            guard let equals = line.firstIndex(of: "=") else { throw .syntax(file: file, line: index + 1) }
            let key = trim(line[..<equals])
            var value = trim(line[line.index(after: equals)...])
            guard !key.isEmpty, key.utf8.allSatisfy({ (97...122).contains($0) || (48...57).contains($0) || $0 == 95 }) else { throw .syntax(file: file, line: index + 1) }
            if value.count >= 2, value.first == "\"", value.last == "\"" { value = value.dropFirst().dropLast() }
            guard !entries.contains(where: { $0.key == key }) else { throw .twice(key: String(key), file: file, line: index + 1) }
            entries.append((String(key), String(value), index + 1))
        }
        return entries
    }

    private static func apply(_ key: String, _ value: String, source: String, to config: inout Config) throws(ConfigError) {
        guard let setting = Setting.all.first(where: { $0.key == key }) else {
            throw .unknown(key: key, source: source, suggestion: suggestion(for: key))
        }
        if value.isEmpty { setting.reset(&config); return }
        if let expected = setting.apply(&config, value) { throw .badValue(key: key, source: source, expected: expected) }
    }

    /// The known key that is nearest, when it is near.
    static func suggestion(for key: String) -> String? {
        let nearest = Setting.all.map { (key: $0.key, distance: distance(Array(key.utf8), Array($0.key.utf8))) }.min { $0.distance < $1.distance }
        guard let nearest, nearest.distance <= max(2, key.utf8.count / 3) else { return nil }
        return nearest.key
    }

    /// Levenshtein's.
    private static func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
        var row = Array(0...b.count)
        for i in 0..<a.count {
            var diagonal = row[0]
            row[0] = i + 1
            for j in 0..<b.count {
                let above = row[j + 1]
                row[j + 1] = min(above + 1, row[j] + 1, diagonal + (a[i] == b[j] ? 0 : 1))
                diagonal = above
            }
        }
        return row[b.count]
    }

    private static func trim(_ text: Substring) -> Substring {
        var text = text
        while let first = text.first, first == " " || first == "\t" { text.removeFirst() }
        while let last = text.last, last == " " || last == "\t" || last == "\r" { text.removeLast() }
        return text
    }

    private static func read(_ file: String) throws(ConfigError) -> String {
        let bytes: [UInt8]
        do { bytes = try Files.read(file, max: 1 << 20) } catch { throw .unreadable(file: file, reason: error.reason) }
        guard let text = String(validating: bytes, as: UTF8.self) else { throw .unreadable(file: file, reason: "it is not UTF-8 text") }
        return text
    }

    /// The environment of this process.
    package static var environment: [String: String] {
        var found: [String: String] = [:]
        var entry = environ
        while let text = entry.pointee {
            let halves = String(cString: text).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if halves.count == 2, halves[0].hasPrefix("COMPTOIR_") { found[String(halves[0])] = String(halves[1]) }
            entry += 1
        }
        return found
    }
}
