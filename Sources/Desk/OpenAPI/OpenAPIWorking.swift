import MatrixCore
import ServerKit

/// What agents work with beside single conversations: views, and changes of many at once.
extension OpenAPI {
    private static let paging: [(name: String, schema: JSON, description: String)] = [
        ("limit", ["type": "integer", "minimum": 1, "maximum": 100, "default": 30], "Most rows to give."), ("cursor", string, "`next_cursor` of the page before."),
    ]

    static let working: [Operation] = [
        Operation(method: .get, path: "/views", id: "listViews", tag: "Views", summary: "The team's views and my own.", answer: .json(200, list("View"))),
        Operation(method: .get, path: "/views/counts", id: "countViews", tag: "Views", summary: "How many conversations each view has, up to a thousand.",
                  answer: .json(200, whole(["counts": ["type": "object", "additionalProperties": integer]]))),
        Operation(method: .post, path: "/views/preview", id: "previewView", tag: "Views", summary: "How many conversations a filter would have.",
                  body: .json(object(["filter": ref("ViewFilterInput")], required: ["filter"])), answer: .json(200, whole(["count": integer]))),
        Operation(method: .post, path: "/views", id: "createView", tag: "Views", summary: "Make a view.", body: .json(ref("ViewInput")), answer: .json(201, ref("View"))),
        Operation(method: .patch, path: "/views/{id}", id: "updateView", tag: "Views", summary: "Change a view; a filter is replaced whole.", body: .json(ref("ViewInput")), answer: .json(200, ref("View"))),
        Operation(method: .delete, path: "/views/{id}", id: "deleteView", tag: "Views", summary: "Delete a view.", answer: .empty),
        Operation(method: .get, path: "/views/{id}/conversations", id: "listViewConversations", tag: "Views", summary: "The conversations of a view, in its order.", query: paging,
                  answer: .json(200, page("Conversation"))),
        Operation(method: .get, path: "/drafts", id: "listDrafts", tag: "Conversations", summary: "What I have begun to write.", answer: .json(200, list("Draft"))),
        Operation(method: .put, path: "/conversations/{id}/draft", id: "keepDraft", tag: "Conversations", summary: "Keep what I have begun to write, for my other devices; empty texts forget it.",
                  body: .json(object(["reply": text(Conversations.longestMessage), "note": text(Notes.longest), "mode": oneOf(Drafts.Mode.self), "device": text(40)], required: ["mode"])), answer: .json(200, ref("Draft"))),
        Operation(method: .get, path: "/later", id: "listMyLater", tag: "Conversations", summary: "My messages that leave later, or are held.", answer: .json(200, list("Later"))),
        Operation(method: .get, path: "/conversations/{id}/later", id: "listLater", tag: "Conversations", summary: "Messages of this conversation that leave later, or are held.", answer: .json(200, list("Later"))),
        Operation(method: .post, path: "/conversations/{id}/later", id: "sendLater", tag: "Conversations", summary: "Write to the customer at a later time; sent once, whatever happens to the server.",
                  body: .json(object(["key": text(100), "body": text(Conversations.longestMessage), "reply_to": string, "at": time,
                                      "delay_ms": ["type": "integer", "minimum": 1000, "maximum": 60_000, "description": "Instead of `at`: so long after now."],
                                      "if_written": oneOf(LaterMessage.IfWritten.self)], required: ["key", "body"])), answer: .json(201, ref("Later"))),
        Operation(method: .patch, path: "/later/{id}", id: "updateLater", tag: "Conversations", summary: "Change the text or the time of a message of mine; a new time ends its being held.",
                  body: .json(object(["body": text(Conversations.longestMessage), "at": time, "if_written": oneOf(LaterMessage.IfWritten.self)])), answer: .json(200, ref("Later"))),
        Operation(method: .post, path: "/later/{id}/now", id: "sendLaterNow", tag: "Conversations", summary: "Send a message of mine now.", answer: .empty),
        Operation(method: .delete, path: "/later/{id}", id: "deleteLater", tag: "Conversations", summary: "Do not send it (its author, or a supervisor).", answer: .empty),
        Operation(method: .get, path: "/search", id: "search", tag: "Conversations", summary: "Everything with these words: contacts, and conversations with their messages and notes, the newest first.", query: [
            ("q", string, "Words, all of which a conversation must have; of the last one the beginning is enough. Or `#number`."), ("in", oneOf(Finder.Within.self), "Where the words must stand."),
            ("status", oneOf(ConversationStatus.self), "Only with this status."), ("inbox", string, "Only of this inbox."), ("assignee", string, "Only of this agent; `me`, `nobody`."),
            ("tag", string, "Only with this tag."), ("priority", oneOf(Conversation.Priority.self), "Only of this priority."), ("language", string, "Only in this language."),
            ("from", time, "Opened at this time or later."), ("to", time, "Opened before this time."),
            ("limit", ["type": "integer", "minimum": 1, "maximum": 50, "default": 20], "Most conversations to give."), ("cursor", string, "`next_cursor` of the page before."),
        ], answer: .json(200, ref("Found"))),
        Operation(method: .post, path: "/conversations/bulk", id: "changeMany", tag: "Conversations", summary: "Do the same to many conversations. What fails is told one by one.",
                  body: .json(ref("BulkInput")), answer: .json(200, ref("BulkResult"))),
        Operation(method: .post, path: "/bulk/{id}/undo", id: "undoMany", tag: "Conversations", summary: "Take such a change back, where nobody has changed the conversation since. For a day.",
                  answer: .json(200, ref("BulkResult"))),
    ]

    private static let filter: JSONObject = [
        "statuses": ["type": "array", "items": oneOf(ConversationStatus.self)], "inboxes": strings,
        "assignees": ["type": "array", "items": string, "description": "Agents' ids; `me` is whoever looks, `nobody` the queue."],
        "tags": strings, "tags_rule": oneOf(ViewFilter.TagRule.self), "priorities": ["type": "array", "items": oneOf(Conversation.Priority.self)], "languages": strings,
        "text": ["type": ["string", "null"], "maxLength": 200, "description": "As `q` of the list of conversations."],
        "waiting_minutes": ["type": ["integer", "null"], "description": "The customer waits at least so long."], "created_from": timeOrNull, "created_before": timeOrNull,
        "teams": ["type": "array", "items": string, "description": "Teams' ids; `nobody` is none."],
        "companies": ["type": "array", "items": string, "description": "Of the customer."], "attributes": attributeTests,
    ]
    private static let deeds: JSONObject = [
        "assign": ["type": ["string", "null"], "description": "An agent's id, `me`, or null for the queue."], "status": oneOf(ConversationStatus.self), "until": time,
        "priority": oneOf(Conversation.Priority.self), "spam": boolean, "team": ["type": ["string", "null"], "description": "A team's id, or null for every member of the inbox."], "add_tags": strings, "remove_tags": strings,
    ]

    static let workingSchemas: JSONObject = [
        "ViewFilter": whole(filter), "ViewFilterInput": object(filter),
        "View": whole(["id": string, "name": string, "scope": oneOf(SavedView.Scope.self), "owner": orNull("string"), "filter": ref("ViewFilter"), "sort": oneOf(Conversations.Sort.self), "updated_at": time]),
        "ViewInput": object(["name": text(60), "scope": oneOf(SavedView.Scope.self), "filter": ref("ViewFilterInput"), "sort": oneOf(Conversations.Sort.self)]),
        "Found": whole(["contacts": ["type": "array", "items": ref("Contact")], "results": ["type": "array", "items": ref("FoundConversation")],
                        "next_cursor": ["type": ["string", "null"], "description": "To look further back, when there may be more."],
                        "complete": ["type": "boolean", "description": "False while an old database is still being indexed."]]),
        "FoundConversation": whole(["conversation": ref("Conversation"), "by_contact": ["type": "boolean", "description": "A word is of the contact's name or address."],
                                    "hits": ["type": "array", "items": whole(["id": string, "kind": ["type": "string", "enum": ["message", "note"]], "at": time, "author": ref("Author"),
                                                                               "pieces": ["type": "array", "items": whole(["text": string, "found": boolean])]])]]),
        "Draft": whole(["conversation_id": string, "reply": string, "note": string, "mode": oneOf(Drafts.Mode.self), "updated_at": time]),
        "Later": whole(["id": string, "conversation_id": string, "agent": ref("AgentRef"), "key": string, "body": string, "reply_to": orNull("string"), "at": time, "state": oneOf(LaterMessage.State.self),
                        "held": ["type": ["string", "null"], "description": "customer_wrote, refused"], "if_written": oneOf(LaterMessage.IfWritten.self), "created_at": time]),
        "BulkInput": object(deeds.merging(["ids": ["type": "array", "items": string, "minItems": 1, "maxItems": .int(Int64(Bulk.most))]]), required: ["ids"]),
        "BulkResult": object(["done": integer, "failed": integer, "undo": ["type": "string", "description": "The id to undo it by."], "results": ["type": "array", "items": whole([
            "id": string, "error": ["anyOf": [whole(["code": oneOf(DeskError.Code.self), "detail": string]), ["type": "null"]]],
            "conversation": ["anyOf": [ref("Conversation"), ["type": "null"]]]])]], required: ["done", "failed", "results"]),
    ]
}
