import FuzzTargets
import Glibc
import MatrixCore

/// Runs one target of FuzzTargets under libFuzzer; see `scripts/fuzz.sh`.
///
///     fuzz list                 names of the targets, each with its longest input
///     fuzz words TARGET         its words, as libFuzzer wants a dictionary
///     fuzz TARGET [ARGUMENTS]   ARGUMENTS and the rest are libFuzzer's
@main
enum Driver {
    nonisolated(unsafe) static var target = FuzzTarget.all[0]   // set once, before libFuzzer begins; its callback can carry nothing

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
        guard arguments.count > 1, let target = FuzzTarget.named(arguments[1]) else {
            print("usage: fuzz list | words TARGET | TARGET [libFuzzer's arguments]")
            exit(2)
        }
        Self.target = target
        arguments.remove(at: 1)
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

/// https://llvm.org/docs/LibFuzzer.html#using-libfuzzer-as-a-library
@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(_ count: UnsafeMutablePointer<Int32>, _ words: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
                       _ one: @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32) -> Int32
