import MatrixCore
import ServerKit

/// The desk API's own description, OpenAPI 3.1, at `/_comptoir/desk/v1/openapi.json`. Built from the table in `OpenAPIOperations`
/// and the schemas in `OpenAPISchemas`; a test holds it against the routes, in both directions.
enum OpenAPI {
    static let routes: [DeskRoute] = [
        DeskRoute(.get, "/openapi.json", nil) { _ in
            Response(200, headers: ["Content-Type": "application/json", "Cache-Control": "public, max-age=3600", "Access-Control-Allow-Origin": "*"], body: .bytes(bytes))
        },
    ]
    private static let bytes = document.encoded()

    /// One operation of the document.
    struct Operation: Sendable {
        enum Body: Sendable { case none, json(JSON), image }
        enum Answer: Sendable { case json(Int, JSON), empty, events, csv }
        let method: Method, path: String, id: String, tag: String, summary: String
        var query: [(name: String, schema: JSON, description: String)] = []
        var body = Body.none
        var answer: Answer
        var isMutation = false
        var isPublic = false
    }

    static let document: JSON = {
        var paths: JSONObject = [:]
        for operation in operations {
            var item = paths[operation.path]?.objectValue ?? [:]
            item[operation.method.rawValue.lowercased()] = describe(operation)
            paths[operation.path] = .object(item)
        }
        return [
            "openapi": "3.1.0",
            "info": ["title": "Comptoir desk API", "version": "1.0.0", "license": ["name": "Apache-2.0", "identifier": "Apache-2.0"],
                     "description": "The counter's side of the desk: queue, conversations, contacts, settings, and a live stream. Sign in by the Matrix login and send its access token. Times are milliseconds since 1970."],
            "servers": [["url": .string(DeskRoute.base)]],
            "security": [["token": []]],
            "tags": .array(["Me", "Agents", "Teams", "Hours", "SLA", "Brands", "Inboxes", "Contacts", "Companies", "Conversations", "Views", "Notes", "Canned replies", "Tags", "Tokens", "Audit", "Webhooks", "Macros", "Rules", "Reports", "Stream"].map { ["name": .string($0)] }),
            "paths": .object(paths),
            "components": [
                "securitySchemes": ["token": ["type": "http", "scheme": "bearer", "description": "A Matrix access token of an agent, or an API token (`ckt_…`)."]],
                "schemas": .object(schemas.merging(workingSchemas)),
                "responses": ["Problem": ["description": "What went wrong, for a person (`detail`, in the language of Accept-Language) and for a program (`code`).",
                                          "content": ["application/problem+json": ["schema": ref("Problem")]]]],
            ],
        ]
    }()

    private static func describe(_ operation: Operation) -> JSON {
        var parameters: [JSON] = operation.path.split(separator: "/").filter { $0.first == "{" }.map {
            ["name": .string(String($0.dropFirst().dropLast())), "in": "path", "required": true, "schema": ["type": "string"]]
        }
        for parameter in operation.query {
            parameters.append(["name": .string(parameter.name), "in": "query", "schema": parameter.schema, "description": .string(parameter.description)])
        }
        if operation.isMutation {
            parameters.append(["name": "If-Match", "in": "header", "schema": ["type": "string"], "description": "The version that the change is meant for, such as \"7\"; 409 when it is another by now."])
        }
        var responses: JSONObject = ["default": ["$ref": "#/components/responses/Problem"]]
        switch operation.answer {
        case .json(let status, let schema): responses[String(status)] = ["description": "Done.", "content": ["application/json": ["schema": schema]]]
        case .empty: responses["204"] = ["description": "Done."]
        case .csv: responses["200"] = ["description": "Comma-separated values with a line of names.", "content": ["text/csv": ["schema": ["type": "string"]]]]
        case .events: responses["200"] = ["description": "Server-Sent Events.", "content": ["text/event-stream": ["schema": ["type": "string"]]]]
        }
        if operation.id == "sendLater" {
            responses["200"] = ["description": "The same key again: the same answer.", "content": ["application/json": ["schema": ref("Later")]]]
        }
        if operation.method == .post, operation.path.hasPrefix("/conversations"), operation.path.hasSuffix("/messages") || operation.path.hasSuffix("/notes") {
            responses["200"] = ["description": "The same key again: the same item.", "content": ["application/json": ["schema": ref("Item")]]]
        }
        if operation.id == "addContactNote" {
            responses["200"] = ["description": "The same key again: the same note.", "content": ["application/json": ["schema": ref("ContactEntry")]]]
        }
        var out: JSONObject = [
            "operationId": .string(operation.id), "tags": [.string(operation.tag)], "summary": .string(operation.summary), "parameters": .array(parameters), "responses": .object(responses),
        ]
        if operation.isPublic { out["security"] = [] }
        switch operation.body {
        case .none: break
        case .json(let schema): out["requestBody"] = ["required": true, "content": ["application/json": ["schema": schema]]]
        case .image:
            let binary: JSON = ["schema": ["type": "string", "format": "binary"]]
            out["requestBody"] = ["required": true, "content": ["image/png": binary, "image/jpeg": binary, "image/webp": binary]]
        }
        return .object(out)
    }

    // MARK: words of the table

    static func ref(_ name: String) -> JSON { ["$ref": .string("#/components/schemas/" + name)] }
    static func list(_ name: String) -> JSON { ["type": "object", "required": ["items"], "properties": ["items": ["type": "array", "items": ref(name)]]] }
    static func page(_ name: String) -> JSON {
        ["type": "object", "required": ["items", "next_cursor"], "properties": ["items": ["type": "array", "items": ref(name)], "next_cursor": orNull("string")]]
    }
    static func orNull(_ type: String) -> JSON { ["type": [.string(type), "null"]] }
    static func object(_ properties: JSONObject, required: [String]? = nil) -> JSON {
        var out: JSONObject = ["type": "object", "properties": .object(properties)]
        if let required, !required.isEmpty { out["required"] = .of(required) }
        return .object(out)
    }
    /// An answer: every key is always there.
    static func whole(_ properties: JSONObject) -> JSON { object(properties, required: properties.keys) }
    static func oneOf<T: CaseIterable & RawRepresentable<String>>(_ type: T.Type) -> JSON { ["type": "string", "enum": .of(type.allCases.map(\.rawValue))] }
    static let string: JSON = ["type": "string"], integer: JSON = ["type": "integer"], boolean: JSON = ["type": "boolean"], strings: JSON = ["type": "array", "items": ["type": "string"]]
    static let time: JSON = ["type": "integer", "description": "Milliseconds since 1970."], timeOrNull: JSON = ["type": ["integer", "null"], "description": "Milliseconds since 1970."]
    static func text(_ max: Int) -> JSON { ["type": "string", "maxLength": .int(Int64(max))] }
    static func textOrNull(_ max: Int) -> JSON { ["type": ["string", "null"], "maxLength": .int(Int64(max))] }
}
