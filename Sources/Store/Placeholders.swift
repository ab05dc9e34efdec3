/// What statements that take any number of values are made of.
package enum Placeholders {
    /// `?, ?, ?`
    package static func list(_ count: Int) -> String { Array(repeating: "?", count: count).joined(separator: ", ") }
}
