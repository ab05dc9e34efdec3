import MatrixCore
import ServerKit
import TestKit
import Testing
@testable import Desk

/// Holds answers against the OpenAPI document. `Shop.call` does it with every answer of every test of the desk.
enum Described {
    static func check(_ method: ServerKit.Method, _ path: String, _ answer: TestResponse) {
        for fault in faults(method, path, answer) { Issue.record("\(method.rawValue) \(path), \(answer.status): \(fault)") }
    }

    /// The path of the document that fits.
    static func template(_ method: ServerKit.Method, _ path: String) -> String? {
        let parts = (path.split(separator: "?", omittingEmptySubsequences: false).first ?? "").split(separator: "/")
        return OpenAPI.operations.filter { $0.method == method }.map(\.path).filter { template in
            let pattern = template.split(separator: "/")
            return pattern.count == parts.count && zip(pattern, parts).allSatisfy { $0.first == "{" || $0 == $1 }
        }.min { $0.count(where: { $0 == "{" }) < $1.count(where: { $0 == "{" }) }
    }

    static func faults(_ method: ServerKit.Method, _ path: String, _ answer: TestResponse) -> [String] {
        guard let template = template(method, path) else { return [] }   // no route: a test of just that
        let responses = OpenAPI.document["paths"]?[template]?[method.rawValue.lowercased()]?["responses"]
        guard answer.status < 400 || responses?[String(answer.status)] != nil else { return content(resolved(responses?["default"] ?? .null), answer, "application/problem+json") }
        guard let response = responses?[String(answer.status)] else { return ["this status is not described"] }
        return content(resolved(response), answer, "application/json")
    }
    private static func content(_ response: JSON, _ answer: TestResponse, _ type: String) -> [String] {
        guard let schema = response["content"]?[type]?["schema"] else {
            return response["content"] != nil || answer.bytes.isEmpty ? [] : ["a body that is not described"]
        }
        guard answer.headers["Content-Type"] == type else { return ["the type is \(answer.headers["Content-Type"] ?? "missing")"] }
        guard let json = answer.json else { return ["no JSON"] }
        return faults(json, schema, at: "$")
    }

    private static func resolved(_ json: JSON) -> JSON {
        guard let reference = json["$ref"]?.stringValue else { return json }
        return reference.dropFirst(2).split(separator: "/").reduce(OpenAPI.document) { $0[String($1)] ?? .null }
    }

    /// The words of JSON Schema that the document uses. What an object has beside its properties is a fault too: it is not described.
    static func faults(_ json: JSON, _ schema: JSON, at place: String) -> [String] {
        let schema = resolved(schema)
        guard let words = schema.objectValue else { return ["\(place): no schema"] }
        if let choices = words["anyOf"]?.arrayValue {
            let found = choices.map { faults(json, $0, at: place) }
            return found.contains([]) ? [] : found.first ?? []
        }
        if let types = words["type"] {
            let names = types.arrayValue?.compactMap(\.stringValue) ?? [types.stringValue ?? ""]
            guard names.contains(where: { fits(json, $0) }) else { return ["\(place): \(json) is no \(names.joined(separator: " or "))"] }
        }
        if let allowed = words["enum"]?.arrayValue, !allowed.contains(json) { return ["\(place): \(json) is none of those that are allowed"] }
        var found: [String] = []
        if let longest = words["maxLength"]?.intValue, let text = json.stringValue, text.unicodeScalars.count > longest { found.append("\(place): too long") }
        if let item = words["items"], let array = json.arrayValue { for (index, value) in array.enumerated() { found += faults(value, item, at: "\(place)[\(index)]") } }
        if let object = json.objectValue, let properties = words["properties"]?.objectValue ?? (words["additionalProperties"] == nil ? nil : [:]) {
            for key in words["required"]?.arrayValue?.compactMap(\.stringValue) ?? [] where object[key] == nil { found.append("\(place): \(key) is missing") }
            for (key, value) in object {
                guard let inner = properties[key] ?? words["additionalProperties"] else { found.append("\(place): \(key) is not described"); continue }
                found += faults(value, inner, at: place + "." + key)
            }
        }
        return found
    }
    private static func fits(_ json: JSON, _ type: String) -> Bool {
        switch type {
        case "object": json.objectValue != nil
        case "array": json.arrayValue != nil
        case "string": json.stringValue != nil
        case "integer": json.intValue != nil
        case "number": json.doubleValue != nil
        case "boolean": json.boolValue != nil
        case "null": json.isNull
        default: false
        }
    }
}
