import Foundation

/// One text file of the checkout.
struct SourceFile {
    /// Relative to the root of the checkout, such as `Sources/Rooms/Sync/SyncRoutes.swift`.
    let path: String
    let text: [UInt8]

    /// The target's name for a file of `Sources/`.
    var target: String? {
        let parts = path.split(separator: "/")
        return parts.count > 2 && parts[0] == "Sources" ? String(parts[1]) : nil
    }

    var lines: [Substring] { String(decoding: text, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false) }
    var lineCount: Int { text.reduce(text.last == UInt8(ascii: "\n") || text.isEmpty ? 0 : 1) { $0 + ($1 == UInt8(ascii: "\n") ? 1 : 0) } }
}

/// Reads the checkout that this test was compiled from. Never looks into what was built or installed.
enum SourceTree {
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    private static let skipped: Set<String> = ["dist", "node_modules", "out", "results", "__pycache__"]

    static func files(under folders: [String] = ["Sources", "Tests", "web", "acceptance", "bench", "scripts", "deploy", "docs"],
                      kinds: Set<String>) -> [SourceFile] {
        var found: [SourceFile] = []
        for folder in folders { collect(folder, kinds, &found) }
        return found.sorted { $0.path < $1.path }
    }

    private static func collect(_ folder: String, _ kinds: Set<String>, _ found: inout [SourceFile]) {
        let manager = FileManager.default
        guard let names = try? manager.contentsOfDirectory(atPath: root.appendingPathComponent(folder).path) else { return }
        for name in names where !name.hasPrefix(".") && !skipped.contains(name) {
            let path = folder + "/" + name
            var isFolder: ObjCBool = false
            guard manager.fileExists(atPath: root.appendingPathComponent(path).path, isDirectory: &isFolder) else { continue }
            if isFolder.boolValue {
                collect(path, kinds, &found)
            } else if let dot = name.lastIndex(of: "."), kinds.contains(String(name[name.index(after: dot)...])),
                      let data = manager.contents(atPath: root.appendingPathComponent(path).path) {
                found.append(SourceFile(path: path, text: [UInt8](data)))
            }
        }
    }
}

/// Swift text without comments and without the insides of string literals, at the same length and with the same lines,
/// so that a rule neither sees what a comment says nor mistakes a line number. Interpolations stay.
func bareSwift(_ text: [UInt8]) -> [UInt8] {
    var out = text
    var i = 0
    let end = text.count
    let quote = UInt8(ascii: "\""), slash = UInt8(ascii: "/"), star = UInt8(ascii: "*"), newline = UInt8(ascii: "\n")
    let backslash = UInt8(ascii: "\\"), hash = UInt8(ascii: "#"), open = UInt8(ascii: "("), close = UInt8(ascii: ")")
    let blank = UInt8(ascii: " ")
    func at(_ k: Int) -> UInt8 { k < end ? text[k] : 0 }

    struct Literal { var hashes: Int, multiline: Bool, depth: Int }
    var literals: [Literal] = []     // the literals whose interpolations we are in, outermost first
    var depth = 0                    // parentheses open in the innermost interpolation

    /// Blanks a literal from `i` on, up to its end or its next interpolation.
    func literal(_ l: Literal) {
        while i < end {
            let byte = text[i]
            if byte == quote, !l.multiline || (at(i + 1) == quote && at(i + 2) == quote) {
                let width = l.multiline ? 3 : 1
                if (0..<l.hashes).allSatisfy({ at(i + width + $0) == hash }) { i += width + l.hashes; return }
            }
            if byte == backslash, (0..<l.hashes).allSatisfy({ at(i + 1 + $0) == hash }) {
                let next = i + 1 + l.hashes
                if at(next) == open {
                    literals.append(Literal(hashes: l.hashes, multiline: l.multiline, depth: depth))
                    depth = 0
                    i = next + 1
                    return
                }
                out[i] = blank
                if next < end, text[next] != newline { out[next] = blank }
                i = next + 1
                continue
            }
            if byte == newline, !l.multiline { return }
            if byte != newline { out[i] = blank }
            i += 1
        }
    }

    while i < end {
        let byte = text[i]
        if byte == slash, at(i + 1) == slash {
            while i < end, text[i] != newline { out[i] = blank; i += 1 }
        } else if byte == slash, at(i + 1) == star {
            var level = 0
            while i < end {
                if text[i] == slash, at(i + 1) == star { level += 1; out[i] = blank; out[i + 1] = blank; i += 2; continue }
                if text[i] == star, at(i + 1) == slash {
                    level -= 1; out[i] = blank; out[i + 1] = blank; i += 2
                    if level == 0 { break }
                    continue
                }
                if text[i] != newline { out[i] = blank }
                i += 1
            }
        } else if byte == quote || (byte == hash && (at(i + 1) == quote || at(i + 1) == hash)) {
            var hashes = 0
            while at(i + hashes) == hash { hashes += 1 }
            guard at(i + hashes) == quote else { i += hashes; continue }
            i += hashes
            let multiline = at(i + 1) == quote && at(i + 2) == quote
            i += multiline ? 3 : 1
            literal(Literal(hashes: hashes, multiline: multiline, depth: 0))
        } else if byte == open {
            depth += 1
            i += 1
        } else if byte == close, depth == 0, let outer = literals.popLast() {
            depth = outer.depth
            i += 1
            literal(outer)
        } else {
            if byte == close { depth -= 1 }
            i += 1
        }
    }
    return out
}

/// The 1-based lines on which a word begins that is `needle`, not the end of a longer name.
func lines(of needle: String, in text: [UInt8]) -> [Int] {
    let word = Array(needle.utf8)
    var found: [Int] = []
    var line = 1, counted = 0, from = 0
    let wordy = isNameByte(word[0])
    text.withUnsafeBytes { buffer in
        guard let base = buffer.baseAddress else { return }
        while from + word.count <= buffer.count, let hit = memchr(base + from, Int32(word[0]), buffer.count - from - word.count + 1) {
            let place = UnsafeRawPointer(hit) - base
            from = place + 1
            guard memcmp(base + place, word, word.count) == 0 else { continue }
            if wordy, place > 0, isNameByte(buffer[place - 1]) || (buffer[place - 1] == UInt8(ascii: ".") && needle.hasPrefix("print")) { continue }
            while counted < place { if buffer[counted] == UInt8(ascii: "\n") { line += 1 }; counted += 1 }
            if found.last != line { found.append(line) }
        }
    }
    return found
}

private func isNameByte(_ byte: UInt8) -> Bool {
    (byte >= 48 && byte <= 57) || (byte >= 65 && byte <= 90) || (byte >= 97 && byte <= 122) || byte == 95
}
