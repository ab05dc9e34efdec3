package import MatrixCore

/// One parser with what must hold for any bytes. `scripts/fuzz.sh` hunts for inputs that break it, FuzzTests replays those that are kept.
///
/// Invariants: a target is a pure function of its bytes; it throws ``FuzzFailure`` when a property does not hold, and nothing else; what the
/// parser refuses is no failure.
package struct FuzzTarget: Sendable {
    package let name: String
    /// Longer inputs find nothing new here, or take too long.
    package let maxLength: Int
    /// What has a meaning in the language.
    package let dictionary: [String]
    package let run: @Sendable ([UInt8]) throws(FuzzFailure) -> Void

    package init(_ name: String, max: Int, _ dictionary: [String] = [], _ run: @escaping @Sendable ([UInt8]) throws(FuzzFailure) -> Void) {
        self.name = name; maxLength = max; self.dictionary = dictionary; self.run = run
    }

    package static let all: [FuzzTarget] = core + http + documents + requests + operations
    package static func named(_ name: String) -> FuzzTarget? { all.first { $0.name == name } }
}

package struct FuzzFailure: Error, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}

func must(_ holds: Bool, _ what: @autoclosure () -> String) throws(FuzzFailure) {
    if !holds { throw FuzzFailure(what()) }
}

/// What is refused with a typed error is nil.
func attempt<T>(_ body: () throws -> T) -> T? { try? body() }

func text(_ bytes: some Sequence<UInt8>) -> String { String(decoding: Array(bytes), as: UTF8.self) }

/// The input cut at the first line ends into `count` pieces; those that are not there are empty.
func pieces(_ bytes: [UInt8], _ count: Int) -> [ArraySlice<UInt8>] {
    var found = bytes.split(separator: UInt8(ascii: "\n"), maxSplits: count - 1, omittingEmptySubsequences: false)
    while found.count < count { found.append([]) }
    return found
}

/// The first byte chooses, the rest is the input.
func chosen<T>(_ bytes: [UInt8], _ from: [T]) -> (T, ArraySlice<UInt8>) {
    (from[Int(bytes.first ?? 0) % from.count], bytes.dropFirst())
}

func object(_ bytes: some Sequence<UInt8>) -> JSONObject? { attempt { try JSONObject.parse(Array(bytes)) } }
