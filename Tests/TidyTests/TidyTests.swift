import Foundation
import Testing

/// The rules of the house, checked on the sources themselves. Each failure names the file, the line and what to use instead.
@Suite struct TidyTests {
    static let swift = SourceTree.files(under: ["Sources", "Tests"], kinds: ["swift"]).filter { !$0.path.hasPrefix("Tests/TidyTests/") }
    static let sources = swift.filter { $0.target != nil }
    static let bare = sources.map { ($0, bareSwift($0.text)) }

    @Test func theTreeIsFound() {
        #expect(Self.sources.count > 20)
        #expect(Set(Self.sources.compactMap(\.target)).isSuperset(of: ["MatrixCore", "Store", "ServerKit", "App"]))
    }

    @Test func noFileImportsAcrossAWall() {
        for (file, text) in Self.bare {
            guard let target = file.target else { continue }
            guard let allowed = Rules.walls[target] else {
                Issue.record("\(file.path): the target \(target) has no line in Rules.walls")
                continue
            }
            let window = Rules.windows[file.path] ?? []
            for (number, module) in imports(of: text) where !allowed.contains(module) && !window.contains(module) {
                Issue.record("\(file.path):\(number): \(target) must not import \(module); it may import \(allowed.sorted().joined(separator: ", "))")
            }
        }
    }

    @Test func nothingForbiddenIsUsed() {
        for (file, text) in Self.bare {
            guard let target = file.target else { continue }
            for rule in Rules.forbidden where rule.targets?.contains(target) ?? true && !rule.except.contains(file.path) {
                for line in lines(of: rule.what, in: text) {
                    Issue.record("\(file.path):\(line): \(rule.what) is forbidden; use \(rule.instead)")
                }
            }
        }
    }

    @Test func nothingIsUnwrappedByForce() {
        for (file, text) in Self.bare {
            for line in forcedUnwraps(in: text) {
                Issue.record("\(file.path):\(line): a forced unwrap ends the whole server when it is wrong; use guard let, or throw")
            }
        }
    }

    @Test func everyFileIsShortEnough() {
        for file in SourceTree.files(kinds: ["swift", "c", "h", "ts", "tsx", "css", "py", "go", "sh"]) where file.lineCount > Rules.longestFile {
            Issue.record("\(file.path) has \(file.lineCount) lines, at most \(Rules.longestFile) are allowed: split it by what it does")
        }
    }

    @Test func nothingIsLeftUnfinished() {
        for file in SourceTree.files(kinds: ["swift", "c", "h", "ts", "tsx", "css", "py", "go", "sh", "md"]) where !file.path.hasPrefix("Tests/TidyTests/") && file.path != "web/tidy_test.ts" {
            for word in Rules.unfinished {
                for line in lines(of: word.what, in: file.text) {
                    Issue.record("\(file.path):\(line): \(word.what): \(word.instead)")
                }
            }
        }
    }

    @Test func noTestIsSwitchedOff() {
        for file in SourceTree.files(under: ["Tests", "web", "acceptance"], kinds: ["swift", "ts", "tsx", "py"]) where !file.path.hasPrefix("Tests/TidyTests/") {
            let kind = String(file.path.split(separator: ".").last ?? "")
            for word in Rules.disabling where word.kinds.contains(kind) {
                for line in lines(of: word.what, in: file.text) {
                    Issue.record("\(file.path):\(line): \(word.what) switches a test off; mend the test or remove it")
                }
            }
        }
    }

    @Test func migrationNumbersAreUniqueAndInTheRangeOfTheirTarget() {
        var seen: [Int: String] = [:]
        for (file, text) in Self.bare {
            guard let target = file.target else { continue }
            for (line, number) in migrations(in: text) {
                let place = "\(file.path):\(line)"
                if let other = seen[number] { Issue.record("\(place): migration \(number) is taken by \(other)") }
                seen[number] = place
                guard let range = Rules.migrations[target] else {
                    Issue.record("\(place): the target \(target) has no range in Rules.migrations")
                    continue
                }
                if !range.contains(number) { Issue.record("\(place): migration \(number) is outside \(range) of \(target)") }
            }
        }
        #expect(!seen.isEmpty)
    }

    /// A port that grows becomes a feature by another name.
    @Test func portsAreFewAndSmall() {
        var ports = 0
        for file in SourceTree.files(under: ["Sources/ServerKit/Ports"], kinds: ["swift"]) {
            let text = String(decoding: file.text, as: UTF8.self)
            for block in text.components(separatedBy: "\npackage protocol ").dropFirst() {
                let name = block.prefix { $0 != ":" && $0 != " " }, body = block.components(separatedBy: "\n}")[0]
                let methods = body.components(separatedBy: "\n").filter { $0.hasPrefix("    func ") || $0.hasPrefix("    @discardableResult func ") }.count
                #expect(methods <= 8, "\(name) has \(methods) methods")
            }
            let members = text.components(separatedBy: "package struct Ports: Sendable {").dropFirst().first?.components(separatedBy: "    package init")[0] ?? ""
            ports += members.components(separatedBy: "package var ").count - 1
        }
        #expect((6...10).contains(ports), "there are \(ports) ports")
    }

    /// A long source file without a test of the same path is suspicious, not wrong: the slice may test it elsewhere.
    @Test func testsMirrorTheSourcesByPath() {
        let tests = Set(Self.swift.map(\.path))
        let sources = Self.sources.filter { $0.lineCount > 150 && $0.target != "comptoir" }
        let alone = sources.filter { file in
            let parts = file.path.dropLast(6).split(separator: "/").map(String.init)
            let folder = (["Tests", parts[1] + "Tests"] + parts.dropFirst(2).dropLast()).joined(separator: "/")
            return !tests.contains { $0.hasPrefix(folder + "/") }
        }
        for file in alone { Issue.record("\(file.path) has no test in the folder that mirrors it", severity: .warning) }
    }
}

/// The modules that a file imports, with their lines.
func imports(of bare: [UInt8]) -> [(Int, String)] {
    var found: [(Int, String)] = []
    for (index, line) in SourceFile(path: "", text: bare).lines.enumerated() {
        var words = line.split(separator: " ").map(String.init)
        while let first = words.first, first.hasPrefix("@") || ["package", "internal", "public", "private", "fileprivate"].contains(first) { words.removeFirst() }
        guard words.first == "import", words.count > 1 else { continue }
        words.removeFirst()
        if words.count > 1, ["struct", "class", "enum", "func", "protocol", "typealias", "var", "let"].contains(words[0]) { words.removeFirst() }
        found.append((index + 1, String(words[0].split(separator: ".")[0])))
    }
    return found
}

/// The numbers of the migrations that a file declares, with their lines.
func migrations(in bare: [UInt8]) -> [(Int, Int)] {
    var found: [(Int, Int)] = []
    let all = SourceFile(path: "", text: bare).lines
    for line in lines(of: "Migration(", in: bare) {
        guard let place = all[line - 1].range(of: "Migration(") else { continue }
        let digits = all[line - 1][place.upperBound...].prefix { $0.isNumber }
        if let number = Int(digits) { found.append((line, number)) }
    }
    return found
}

/// The lines on which an optional is unwrapped by force, or declared to be so implicitly.
func forcedUnwraps(in bare: [UInt8]) -> [Int] {
    var found: [Int] = []
    var line = 1
    let before = Set(")]_".utf8), tries: [[UInt8]] = [Array("try".utf8), Array("as".utf8)]
    for (place, byte) in bare.enumerated() {
        if byte == UInt8(ascii: "\n") { line += 1; continue }
        guard byte == UInt8(ascii: "!"), place > 0, place + 1 < bare.count, bare[place + 1] != UInt8(ascii: "=") else { continue }
        let last = bare[place - 1]
        let isName = (48...57).contains(last) || (65...90).contains(last) || (97...122).contains(last)
        guard isName || before.contains(last) else { continue }
        // try! and as! have rules of their own
        if tries.contains(where: { place >= $0.count && Array(bare[(place - $0.count)..<place]) == $0 }) { continue }
        if found.last != line { found.append(line) }
    }
    return found
}
