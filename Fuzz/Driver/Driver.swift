import Foundation
import FuzzTargets
import MatrixCore

/// Runs one target of FuzzTargets under libFuzzer; see `scripts/fuzz.sh`.
///
///     fuzz list                 names of the targets, each with its longest input
///     fuzz words TARGET         its words, as libFuzzer wants a dictionary
///     fuzz TARGET [ARGUMENTS]   ARGUMENTS and the rest are libFuzzer's
@main
enum Driver {
    nonisolated(unsafe) static var target = FuzzTarget.all[0]   // set once, before libFuzzer begins; its callback can carry nothing

    private static let variable = "COMPTOIR_FUZZ_TARGET"

    static func main() {
        var arguments = CommandLine.arguments
        if arguments.count == 2, arguments[1] == "list" {
            for target in FuzzTarget.all { print(target.name, target.maxLength) }
            return
        }
        if arguments.count == 3, arguments[1] == "words" {
            for word in FuzzTarget.named(arguments[2])?.dictionary ?? [] { print("\"" + word.utf8.map { "\\x" + Hex.encode([$0]) }.joined() + "\"") }
            return
        }
        // libFuzzer starts itself again to merge, and knows of no target.
        let inherited = ProcessInfo.processInfo.environment[variable]
        guard let name = inherited ?? arguments.dropFirst().first, let target = FuzzTarget.named(name) else {
            print("usage: fuzz list | words TARGET | TARGET [libFuzzer's arguments]")
            exit(2)
        }
        Self.target = target
        if inherited == nil { arguments.remove(at: 1) }
        setenv(variable, name, 1)
        Coverage.announce { tryOut(target, folders: arguments.dropFirst().filter { !$0.hasPrefix("-") }) }
        var count = Int32(arguments.count)
        let words = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: arguments.count + 1)
        for (index, argument) in arguments.enumerated() { words[index] = strdup(argument) }
        words[arguments.count] = nil
        var list = words
        exit(runDriver(&count, &list) { data, length in
            do throws(FuzzFailure) {
                try Driver.target.run(Array(UnsafeBufferPointer(start: data, count: length)))
            } catch {
                print("\n\(Driver.target.name): \(error)")
                fflush(nil)
                abort()
            }
            return 0
        })
    }
}

extension Driver {
    /// The inputs that there are, and some thousands broken ones.
    private static func tryOut(_ target: FuzzTarget, folders: [String]) {
        var inputs: [[UInt8]] = [[]]
        for folder in folders {
            for name in (try? FileManager.default.contentsOfDirectory(atPath: folder))?.sorted() ?? [] {   // no folder: no inputs
                if let data = FileManager.default.contents(atPath: folder + "/" + name) { inputs.append(Array(data.prefix(target.maxLength))) }
            }
        }
        inputs += target.dictionary.map { Array($0.utf8) }
        var chance = SystemRandomNumberGenerator()
        for round in 0..<(inputs.count + 4_000) {
            var bytes = round < inputs.count ? inputs[round] : inputs.randomElement(using: &chance) ?? []
            if round >= inputs.count, !bytes.isEmpty {
                let at = Int.random(in: bytes.indices, using: &chance)
                if Bool.random(using: &chance) { bytes[at] = UInt8.random(in: 0...255, using: &chance) } else { bytes.replaceSubrange(at..<min(bytes.count, at + 2), with: (target.dictionary.randomElement(using: &chance) ?? "").utf8) }
            }
            do throws(FuzzFailure) { try target.run(bytes) } catch { print("\(target.name): \(error): \(Hex.encode(bytes))"); fflush(nil); abort() }
        }
    }
}

/// https://llvm.org/docs/LibFuzzer.html#using-libfuzzer-as-a-library
@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(_ count: UnsafeMutablePointer<Int32>, _ words: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
                       _ one: @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32) -> Int32
