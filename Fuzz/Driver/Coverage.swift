import Foundation

/// libFuzzer clears all counters before each execution and reads them behind it: of the whole server there are more than a hundred
/// thousand, and a small parser takes a tenth of that time. So it is told of those alone that the target reaches, and of their neighbours.
///
/// The objects' own announcements come before `main` and are taken up here (`--wrap`), to be passed on in parts.
enum Coverage {
    nonisolated(unsafe) fileprivate static var counters: UnsafeMutableBufferPointer<UInt8>?
    nonisolated(unsafe) fileprivate static var places: UnsafeMutableRawPointer?
    private static let block = 512, placeSize = 16

    /// - Parameter run: executes the target with some of all kinds of inputs.
    static func announce(after run: () -> Void) {
        guard let counters, let places, let base = counters.baseAddress else { return }
        counters.update(repeating: 0)
        run()
        let blocks = (counters.count + block - 1) / block
        var wanted = [Bool](repeating: false, count: blocks)
        for index in counters.indices where counters[index] != 0 {
            for near in (index / block - 1)...(index / block + 1) where wanted.indices.contains(near) { wanted[near] = true }
        }
        var first = 0
        while first < blocks {
            guard wanted[first] else { first += 1; continue }
            var last = first
            while last + 1 < blocks, wanted[last + 1] { last += 1 }
            let range = (first * block)..<min(counters.count, (last + 1) * block)
            announceCounters(base + range.lowerBound, base + range.upperBound)
            announcePlaces(places + range.lowerBound * placeSize, places + range.upperBound * placeSize)
            first = last + 1
        }
    }
}

@_silgen_name("__real___sanitizer_cov_8bit_counters_init")
private func announceCounters(_ start: UnsafeMutablePointer<UInt8>, _ stop: UnsafeMutablePointer<UInt8>)
@_silgen_name("__real___sanitizer_cov_pcs_init")
private func announcePlaces(_ start: UnsafeMutableRawPointer, _ stop: UnsafeMutableRawPointer)

@_cdecl("__wrap___sanitizer_cov_8bit_counters_init")
func takeCounters(_ start: UnsafeMutablePointer<UInt8>, _ stop: UnsafeMutablePointer<UInt8>) {
    if stop > start { Coverage.counters = UnsafeMutableBufferPointer(start: start, count: stop - start) }
}
@_cdecl("__wrap___sanitizer_cov_pcs_init")
func takePlaces(_ start: UnsafeMutableRawPointer, _ stop: UnsafeMutableRawPointer) {
    if stop > start { Coverage.places = start }
}
