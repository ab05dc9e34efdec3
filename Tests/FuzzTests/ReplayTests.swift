import Foundation
import FuzzTargets
import TestKit
import Testing

/// Every input that is kept holds the properties of its target, and so do some thousands made from them anew, always the same ones.
/// The long hunt is `make fuzz`.
@Suite struct ReplayTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    /// Made from the kept inputs of each target. COMPTOIR_FUZZ_ROUNDS for more.
    private static let rounds = ProcessInfo.processInfo.environment["COMPTOIR_FUZZ_ROUNDS"].flatMap { Int($0) } ?? 1_000

    /// Seeds and inputs that once broke something stand as files; what a hunt has found worth keeping stands in one file, one input a line, in base64.
    static func corpus(_ target: String) throws -> [(name: String, bytes: [UInt8])] {
        let folder = root.appendingPathComponent("Fuzz/Corpus/\(target)")
        var found: [(name: String, bytes: [UInt8])] = []
        for name in try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() {
            let bytes = [UInt8](try Data(contentsOf: folder.appendingPathComponent(name)))
            if name != "found.base64" { found.append((name, bytes)); continue }
            for (number, line) in String(decoding: bytes, as: UTF8.self).split(separator: "\n").enumerated() {
                found.append(("\(name), line \(number + 1)", [UInt8](try #require(Data(base64Encoded: String(line))))))
            }
        }
        return found
    }

    @Test(arguments: FuzzTarget.all.map(\.name)) func holds(_ name: String) throws {
        let target = try #require(FuzzTarget.named(name)), corpus = try Self.corpus(name)
        #expect(!corpus.isEmpty, "no seed for \(name)")
        for (file, bytes) in corpus {
            do throws(FuzzFailure) { try target.run(bytes) } catch { Issue.record("\(name), \(file): \(error)") }
        }
        var fuzz = Fuzz(seed: 26, tokens: target.dictionary)
        let seeds = corpus.map(\.bytes)
        for round in 0..<(name == "picture" ? Self.rounds / 10 : Self.rounds) {
            let bytes = Array(fuzz.broken(seeds).prefix(target.maxLength))
            do throws(FuzzFailure) { try target.run(bytes) } catch {
                Issue.record("\(name), round \(round): \(error): \(Data(bytes).base64EncodedString())")
                break
            }
        }
    }

    @Test func everyTargetHasItsCorpusAndEveryCorpusItsTarget() throws {
        let folders = try FileManager.default.contentsOfDirectory(atPath: Self.root.appendingPathComponent("Fuzz/Corpus").path)
        #expect(Set(folders) == Set(FuzzTarget.all.map(\.name)) && folders.count == FuzzTarget.all.count)
    }

    /// A property that cannot fail would find nothing.
    @Test func aBrokenPropertyIsSeen() {
        let liar = FuzzTarget("liar", max: 8) { bytes throws(FuzzFailure) in if bytes.contains(7) { throw FuzzFailure("seven") } }
        #expect(throws: FuzzFailure.self) { try liar.run([1, 7]) }
        #expect(throws: Never.self) { try liar.run([1, 2]) }
    }
}
