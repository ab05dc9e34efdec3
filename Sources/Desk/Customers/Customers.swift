import MatrixCore
import ServerKit

/// The people and companies on the other side, beyond the contact itself: what is known of them, from where, and how they are found.
enum Customers {
    static let routes: [DeskRoute] = Attributes.routes + ContactLog.routes + Identities.routes + ContactMerge.routes + Spam.routes + Consents.routes + ContactExport.routes + Companies.routes + Segments.routes
}

extension OpenAPI {
    private static let paging: [(name: String, schema: JSON, description: String)] = [
        ("limit", ["type": "integer", "minimum": 1, "maximum": 100, "default": 30], "Most rows to give."), ("cursor", string, "`next_cursor` of the page before."),
    ]
    private static let identities = Operation.Answer.json(200, list("Identity"))

    static let customerOperations: [Operation] = [
        Operation(method: .get, path: "/attributes", id: "listAttributes", tag: "Contacts", summary: "What is asked of customers beside name and address, in its order.", answer: .json(200, list("Attribute"))),
        Operation(method: .put, path: "/attributes/{id}", id: "setAttribute", tag: "Contacts", summary: "Define an attribute by its key. The kind stays once customers have values.",
                  body: .json(object(["name": text(80), "kind": oneOf(Attribute.Kind.self), "choices": strings, "position": integer], required: ["name", "kind"])), answer: .json(200, ref("Attribute"))),
        Operation(method: .delete, path: "/attributes/{id}", id: "deleteAttribute", tag: "Contacts", summary: "Delete a definition; the values stay, as text.", answer: .empty),
        Operation(method: .put, path: "/contacts/{id}/attributes/{key}", id: "setContactAttribute", tag: "Contacts", summary: "Set one value of a contact; null removes it.",
                  body: .json(object(["value": textOrNull(Attributes.longest)], required: ["value"])), answer: .json(200, ref("Contact"))),
        Operation(method: .get, path: "/contacts/{id}/timeline", id: "getContactTimeline", tag: "Contacts", summary: "Everything about a contact, newest first: conversations, pages, changes, notes.",
                  query: paging + [("kind", oneOf(ContactLog.Part.self), "Only these.")], answer: .json(200, page("ContactEntry"))),
        Operation(method: .post, path: "/contacts/{id}/notes", id: "addContactNote", tag: "Contacts", summary: "Note something about a contact.",
                  body: .json(object(["key": text(100), "body": text(ContactLog.longestNote)], required: ["key", "body"])), answer: .json(201, ref("ContactEntry"))),
        Operation(method: .delete, path: "/contacts/{id}/notes/{note}", id: "deleteContactNote", tag: "Contacts", summary: "Delete a note of mine, or anybody's with `notes.moderate`.", answer: .empty),
        Operation(method: .get, path: "/contacts/{id}/identities", id: "listIdentities", tag: "Contacts", summary: "By what a contact is known, and what of it is proved.", answer: identities),
        Operation(method: .post, path: "/contacts/{id}/addresses", id: "addAddress", tag: "Contacts", summary: "Add an e-mail address or a phone number; it is not proved.",
                  body: .json(object(["kind": oneOf(Identities.Kind.self), "value": text(254)], required: ["kind", "value"])), answer: .json(201, list("Identity"))),
        Operation(method: .delete, path: "/contacts/{id}/addresses/{address}", id: "deleteAddress", tag: "Contacts", summary: "Remove an address that is not the main one.", answer: .empty),
        Operation(method: .put, path: "/contacts/{id}/addresses/{address}/main", id: "setMainAddress", tag: "Contacts", summary: "Make an address the main one; the one before stays beside it.", answer: identities),
        Operation(method: .get, path: "/contacts/{id}/duplicates", id: "listDuplicates", tag: "Contacts", summary: "Who may be the same person: an address or a name in common, the surest first.", answer: .json(200, list("Duplicate"))),
        Operation(method: .put, path: "/contacts/{id}/duplicates/{other}/dismissed", id: "dismissDuplicate", tag: "Contacts", summary: "These two are not the same person: do not suggest it again.", answer: .empty),
        Operation(method: .post, path: "/contacts/{id}/merge", id: "mergeContacts", tag: "Contacts", summary: "Two contacts are one person. The one whose identity the shop has signed is kept, else the one of the address.",
                  body: .json(object(["other": string], required: ["other"])), answer: .json(200, whole(["contact": ref("Contact"), "merge": string]))),
        Operation(method: .post, path: "/contacts/{id}/merges/{merge}/undo", id: "undoMerge", tag: "Contacts", summary: "Take a merge back: both are as they were, with what came since.",
                  answer: .json(200, whole(["contact": ref("Contact"), "other": ref("Contact")]))),
        Operation(method: .get, path: "/contacts/{id}/merges", id: "listMerges", tag: "Contacts", summary: "Contacts that were merged into this one and can be taken out again.", answer: .json(200, list("Merge"))),
        Operation(method: .post, path: "/conversations/{id}/merge", id: "mergeConversation", tag: "Conversations", summary: "Merge a conversation into another of the same customer, which goes on with all that was said in both; nothing changes for the customer.",
                  body: .json(object(["into": string], required: ["into"])), answer: .json(200, ref("Conversation"))),
        Operation(method: .post, path: "/conversations/{id}/merges/{merge}/undo", id: "undoConversationMerge", tag: "Conversations", summary: "Take a merge back: each has its own again, with what came since.",
                  answer: .json(200, whole(["conversation": ref("Conversation"), "other": ref("Conversation")]))),
        Operation(method: .put, path: "/conversations/{id}/spam", id: "setSpam", tag: "Conversations", summary: "Move a conversation to spam, or take it out: it comes back as it would be now.",
                  body: .json(object(["spam": boolean], required: ["spam"])), answer: .json(200, ref("Conversation")), isMutation: true),
        Operation(method: .put, path: "/contacts/{id}/blocked", id: "setBlocked", tag: "Contacts", summary: "Block a contact: what he has open and what he writes is spam; or take that back.",
                  body: .json(object(["blocked": boolean], required: ["blocked"])), answer: .json(200, ref("Contact"))),
        Operation(method: .get, path: "/contacts/{id}/export", id: "exportContact", tag: "Contacts", summary: "All that is held about a contact: himself, identities, consents, ledger, conversations without the agents' notes. It is in the audit log.",
                  answer: .json(200, ref("ContactExport"))),
        Operation(method: .get, path: "/contacts/{id}/consents", id: "listConsents", tag: "Contacts", summary: "What a contact agrees to now, by channel and purpose, and the whole ledger.", answer: .json(200, ref("Consents"))),
        Operation(method: .post, path: "/contacts/{id}/consents", id: "addConsent", tag: "Contacts", summary: "Note that consent was given or withdrawn. The ledger is only added to.",
                  body: .json(object(["channel": oneOf(Consents.Channel.self), "purpose": text(Consents.longestPurpose), "state": oneOf(Consents.State.self), "source": text(200), "wording": text(2000)],
                                     required: ["channel", "purpose", "state", "source"])), answer: .json(201, ref("Consents"))),
        Operation(method: .post, path: "/contacts/find", id: "findContacts", tag: "Contacts", summary: "Contacts that fit a filter, last seen first, and how many.",
                  body: .json(object(["filter": ref("ContactFilterInput"), "limit": ["type": "integer", "minimum": 1, "maximum": 100], "cursor": string, "count": boolean], required: ["filter"])),
                  answer: .json(200, whole(["items": ["type": "array", "items": ref("Contact")], "next_cursor": orNull("string"),
                                            "count": ["type": ["integer", "null"], "description": "When `count` was asked for; counting ends at 10,000."]]))),
        Operation(method: .get, path: "/segments", id: "listSegments", tag: "Contacts", summary: "Saved filters of contacts: the team's and my own.", answer: .json(200, list("Segment"))),
        Operation(method: .post, path: "/segments", id: "createSegment", tag: "Contacts", summary: "Save a filter.", body: .json(ref("SegmentInput")), answer: .json(201, ref("Segment"))),
        Operation(method: .patch, path: "/segments/{id}", id: "updateSegment", tag: "Contacts", summary: "Change a segment.", body: .json(ref("SegmentInput")), answer: .json(200, ref("Segment"))),
        Operation(method: .delete, path: "/segments/{id}", id: "deleteSegment", tag: "Contacts", summary: "Delete a segment.", answer: .empty),
        Operation(method: .get, path: "/companies", id: "listCompanies", tag: "Companies", summary: "Companies by name.",
                  query: paging + [("q", string, "Words of the name or the domain."), ("brand", string, "Only of this brand.")], answer: .json(200, page("Company"))),
        Operation(method: .post, path: "/companies", id: "createCompany", tag: "Companies", summary: "Make a company. Naming one at a contact does so too.", body: .json(ref("CompanyInput")), answer: .json(201, ref("Company"))),
        Operation(method: .get, path: "/companies/{id}", id: "getCompany", tag: "Companies", summary: "One company.", answer: .json(200, ref("Company"))),
        Operation(method: .patch, path: "/companies/{id}", id: "updateCompany", tag: "Companies", summary: "Change a company.", body: .json(ref("CompanyInput")), answer: .json(200, ref("Company")), isMutation: true),
        Operation(method: .delete, path: "/companies/{id}", id: "deleteCompany", tag: "Companies", summary: "Delete a company; its contacts have none then.", answer: .empty),
        Operation(method: .get, path: "/companies/{id}/contacts", id: "listCompanyContacts", tag: "Companies", summary: "Who works for it, last seen first.", query: paging, answer: .json(200, page("Contact"))),
        Operation(method: .get, path: "/companies/{id}/conversations", id: "listCompanyConversations", tag: "Companies", summary: "What was talked about with them, newest first.", query: paging, answer: .json(200, page("Conversation"))),
    ]
    static let attributeTests: JSON = ["type": "array", "maxItems": 10, "items": object(["key": text(60), "rule": oneOf(AttributeTest.Rule.self), "value": text(500)], required: ["key", "rule"])]
    private static let contactFilter: JSONObject = [
        "text": textOrNull(200), "brands": strings, "companies": strings, "languages": strings, "verified": orNull("boolean"), "has_email": orNull("boolean"), "blocked": orNull("boolean"), "consent": ["type": ["object", "null"], "properties": ["channel": oneOf(Consents.Channel.self), "purpose": string], "description": "Agrees to this now."], "attributes": attributeTests,
        "seen_days": ["type": ["integer", "null"], "description": "Seen in the last so many days."], "unseen_days": ["type": ["integer", "null"], "description": "Not seen for so many days."],
        "first_seen_from": timeOrNull, "first_seen_before": timeOrNull, "conversations": ["type": ["integer", "null"], "description": "So many conversations at least."],
    ]
    static let customerSchemas: JSONObject = [
        "Attribute": whole(["key": string, "name": string, "kind": oneOf(Attribute.Kind.self), "choices": strings, "position": integer]),
        "ContactEntry": whole(["id": string, "kind": ["type": "string", "enum": .of(["conversation"] + ContactLog.Kind.allCases.map(\.rawValue))], "at": time,
                               "actor": whole(["kind": string, "id": string, "name": string]), "text": string, "data": ["type": "object"],
                               "conversation": ["anyOf": [ref("Conversation"), ["type": "null"]]]]),
        "Identity": whole(["id": string, "kind": ["type": "string", "enum": ["shop", "email", "phone", "browser", "matrix"]], "value": string, "proved": boolean, "main": boolean,
                           "since": timeOrNull, "last_used_at": timeOrNull, "place": ["type": ["string", "null"], "description": "The inbox that a browser used last."]]),
        "Consent": whole(["id": string, "channel": oneOf(Consents.Channel.self), "purpose": string, "state": oneOf(Consents.State.self), "at": time,
                          "by": whole(["kind": string, "id": string, "name": string]), "source": string, "wording": string]),
        "Consents": whole(["items": ["type": "array", "items": ref("Consent"), "description": "What holds now."], "history": ["type": "array", "items": ref("Consent")]]),
        "ContactExport": whole(["contact": ref("Contact"), "identities": ["type": "array", "items": ref("Identity")], "consents": ["type": "array", "items": ref("Consent")],
                                "ledger": ["type": "array", "items": ref("ContactEntry")], "conversations": ["type": "array", "items": whole(["conversation": ref("Conversation"), "items": ["type": "array", "items": ref("Item")]])],
                                "complete": ["type": "boolean", "description": "False when there was more than one file holds."], "exported_at": time]),
        "Duplicate": whole(["contact": ref("Contact"), "reasons": ["type": "array", "items": whole(["kind": oneOf(ContactMerge.Reason.self), "value": string, "proved": boolean])]]),
        "Merge": whole(["id": string, "contact": string, "at": time, "agent": ["anyOf": [ref("AgentRef"), ["type": "null"]]], "name": string]),
        "ContactFilter": whole(contactFilter), "ContactFilterInput": object(contactFilter),
        "Segment": whole(["id": string, "name": string, "scope": oneOf(SavedView.Scope.self), "owner": orNull("string"), "filter": ref("ContactFilter"), "updated_at": time]),
        "SegmentInput": object(["name": text(60), "scope": oneOf(SavedView.Scope.self), "filter": ref("ContactFilterInput")]),
        "Company": whole(["id": string, "brand_id": string, "name": string, "domain": orNull("string"), "website": orNull("string"), "phone": orNull("string"), "notes": string,
                          "contacts": integer, "created_at": time, "version": integer]),
        "CompanyInput": object(["brand_id": string, "name": text(Companies.longestName), "domain": textOrNull(253), "website": textOrNull(2000), "phone": textOrNull(40), "notes": textOrNull(4000)]),
    ]
}
