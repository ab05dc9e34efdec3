@testable import Accounts
import MatrixCore
import Testing

/// Tokens made with OpenSSL.
@Suite struct LogoutTokenTests {
    private func order(_ token: String, now: Int64 = 1_700_000_050_000, issuer: String = "https://id.example") throws -> LogoutToken.Order {
        try LogoutToken.order(token, keys: try JSON.parse(Array(LogoutTokens.keys.utf8)), issuer: issuer, clientID: "comptoir", now: now)
    }

    @Test func aGenuineTokenNamesThePersonOrTheSession() throws {
        #expect(try order(LogoutTokens.sub) == LogoutToken.Order(subject: "u-1", sid: nil, id: "j-1", expires: 1_700_000_120_000))
        #expect(try order(LogoutTokens.sid) == LogoutToken.Order(subject: nil, sid: "s-1", id: "j-2", expires: 1_700_000_120_000))
        #expect(try order(LogoutTokens.both).subject == "u-1" && order(LogoutTokens.both).sid == "s-1")
        #expect(try order(LogoutTokens.list).id == "j-4" && order(LogoutTokens.plainType).id == "j-5" && order(LogoutTokens.noType).id == "j-6")
        #expect(try order(LogoutTokens.sub, issuer: "https://id.example/").id == "j-1")
    }

    @Test(arguments: [
        (LogoutTokens.iss, "iss"), (LogoutTokens.aud, "aud"), (LogoutTokens.exp, "exp"), (LogoutTokens.noExp, "exp"), (LogoutTokens.iat, "iat"), (LogoutTokens.noIat, "iat"),
        (LogoutTokens.jti, "jti"), (LogoutTokens.emptyJti, "jti"), (LogoutTokens.events, "events"), (LogoutTokens.otherEvent, "events"), (LogoutTokens.eventText, "events"),
        (LogoutTokens.nonce, "nonce"), (LogoutTokens.nobody, "sub"), (LogoutTokens.type, "typ"),
    ]) func everyClaimIsChecked(_ token: String, _ claim: String) { #expect(throws: IDToken.Failure.claim(claim)) { try order(token) } }

    @Test func aTokenEnds() {
        #expect(throws: IDToken.Failure.claim("exp")) { try order(LogoutTokens.sub, now: 1_700_000_120_000 + IDToken.leeway) }
        #expect(throws: IDToken.Failure.claim("iat")) { try order(LogoutTokens.sub, now: 1_699_999_000_000) }
    }

    @Test func aSignatureOfAnotherTokenIsRefused() {
        let body = LogoutTokens.sub.split(separator: ".")[1], other = LogoutTokens.sid.split(separator: ".")
        #expect(throws: IDToken.Failure.signature) { try order("\(other[0]).\(body).\(other[2])") }
        #expect(throws: IDToken.Failure.algorithm("none")) { try order(Base64.encodeURLSafe(Array(#"{"alg":"none"}"#.utf8)) + ".\(body).") }
    }

    /// Whoever signs in at the provider has an ID token: it ends nothing.
    @Test(arguments: [IDTokenTests.Token.rsa, IDTokenTests.Token.ec]) func anIDTokenIsNoLogoutToken(_ token: String) {
        #expect(throws: IDToken.Failure.claim("jti")) {
            try LogoutToken.order(token, keys: try JSON.parse(Array(IDTokenTests.keys.utf8)), issuer: "https://id.example", clientID: "comptoir", now: 1_700_000_100_000)
        }
    }
    /// Nor does a logout token sign anybody in.
    @Test func aLogoutTokenIsNoIDToken() {
        #expect(throws: IDToken.Failure.claim("nonce")) {
            try IDToken.claims(LogoutTokens.sub, keys: try JSON.parse(Array(LogoutTokens.keys.utf8)), issuer: "https://id.example", clientID: "comptoir", nonce: "n0nce", now: 1_700_000_050_000)
        }
    }

    @Test(arguments: ["", "a", "a.b", "a.b.c", "....", "e30.e30.!"]) func rubbishIsRefused(_ token: String) {
        #expect(throws: IDToken.Failure.self) { try order(token) }
        #expect(LogoutToken.names(token)?.issuer == nil)
    }
}

enum LogoutTokens {
    static let keys = #"{"keys": [{"kty": "EC", "kid": "e1", "crv": "P-256", "x": "vk-08Ay-hK7ZaUWxDU5HWBCQMFy9YWH5mSJD2SVaN9c", "y": "vI4jvRqVrRTrAMEhEfFECI6KKYaWBNKcGWSWFstL2wA"}]}"#
    static let sub = "eyJhbGciOiJFUzI1NiIsImtpZCI6ImUxIiwidHlwIjoibG9nb3V0K2p3dCJ9.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJhdWQiOiJjb21wdG9pciIsImlhdCI6MTcwMDAwMDAwMCwiZXhwIjoxNzAwMDAwMTIwLCJqdGkiOiJqLTEiLCJldmVudHMiOnsiaHR0cDovL3NjaGVtYXMub3BlbmlkLm5ldC9ldmVudC9iYWNrY2hhbm5lbC1sb2dvdXQiOnt9fSwic3ViIjoidS0xIn0.mmcSez4pmHhOhOckfBqlQAW_8Pt6XazVDacojo6UjUj0lMKqD-Dqw6rsQPP184xRQhEbP5KnIfH9LiYFhJLprQ"
    static let sid = "eyJhbGciOiJFUzI1NiIsImtpZCI6ImUxIiwidHlwIjoibG9nb3V0K2p3dCJ9.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJhdWQiOiJjb21wdG9pciIsImlhdCI6MTcwMDAwMDAwMCwiZXhwIjoxNzAwMDAwMTIwLCJqdGkiOiJqLTIiLCJldmVudHMiOnsiaHR0cDovL3NjaGVtYXMub3BlbmlkLm5ldC9ldmVudC9iYWNrY2hhbm5lbC1sb2dvdXQiOnt9fSwic2lkIjoicy0xIn0.G7900brZoxuqRau4153S4fYPcoOSR8jEFIgEXxRamxm4cQRj0o5Ok2lYLOhmIBWEhJ5yWaTZP7iJiDkws2qf8w"
    static let both = "eyJhbGciOiJFUzI1NiIsImtpZCI6ImUxIiwidHlwIjoibG9nb3V0K2p3dCJ9.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJhdWQiOiJjb21wdG9pciIsImlhdCI6MTcwMDAwMDAwMCwiZXhwIjoxNzAwMDAwMTIwLCJqdGkiOiJqLTMiLCJldmVudHMiOnsiaHR0cDovL3NjaGVtYXMub3BlbmlkLm5ldC9ldmVudC9iYWNrY2hhbm5lbC1sb2dvdXQiOnt9fSwic3ViIjoidS0xIiwic2lkIjoicy0xIn0.Fc9tBxoPQvHRNA8pF3_JprjlQUZGRiwMglxcuUo3e_CCofSGwiGqH4WDreXHTbV1Ti2jC_wo7XHG17EtOQnWpg"
    static let list = "eyJhbGciOiJFUzI1NiIsImtpZCI6ImUxIiwidHlwIjoibG9nb3V0K2p3dCJ9.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJhdWQiOlsiY29tcHRvaXIiLCJ4Il0sImlhdCI6MTcwMDAwMDAwMCwiZXhwIjoxNzAwMDAwMTIwLCJqdGkiOiJqLTQiLCJldmVudHMiOnsiaHR0cDovL3NjaGVtYXMub3BlbmlkLm5ldC9ldmVudC9iYWNrY2hhbm5lbC1sb2dvdXQiOnt9fSwic3ViIjoidS0xIn0.KqzqEMudwhnEYRAxonFJJ8ISe2-u3X35SSYr71kgYKamSBjSK-aUILAhIZxl9t9-3Empw0RR5Z9zjxojLy8XiA"
    static let plainType = "eyJhbGciOiJFUzI1NiIsImtpZCI6ImUxIiwidHlwIjoiSldUIn0.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJhdWQiOiJjb21wdG9pciIsImlhdCI6MTcwMDAwMDAwMCwiZXhwIjoxNzAwMDAwMTIwLCJqdGkiOiJqLTUiLCJldmVudHMiOnsiaHR0cDovL3NjaGVtYXMub3BlbmlkLm5ldC9ldmVudC9iYWNrY2hhbm5lbC1sb2dvdXQiOnt9fSwic3ViIjoidS0xIn0.EMcJ5YsUeHS7majRRZkH6v-10211Ji5lV-gWF_NiAqYigtp3Yp1FbONmQQeiJSIC-bsL-PQ_kU_1uU7Bfsj-jA"
    static let noType = "eyJhbGciOiJFUzI1NiIsImtpZCI6ImUxIn0.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJhdWQiOiJjb21wdG9pciIsImlhdCI6MTcwMDAwMDAwMCwiZXhwIjoxNzAwMDAwMTIwLCJqdGkiOiJqLTYiLCJldmVudHMiOnsiaHR0cDovL3NjaGVtYXMub3BlbmlkLm5ldC9ldmVudC9iYWNrY2hhbm5lbC1sb2dvdXQiOnt9fSwic3ViIjoidS0xIn0.k3waEumsxUkL-d_G-so_ypvOJghYzLmDdDETfrmVnFDvRTRjBLcnnKKWMDPPIu-57m8PxIm1CW6Z_1_q--maOA"
    static let late = "eyJhbGciOiJFUzI1NiIsImtpZCI6ImUxIiwidHlwIjoibG9nb3V0K2p3dCJ9.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJhdWQiOiJjb21wdG9pciIsImlhdCI6MTcwMDAwMDA2MCwiZXhwIjoxNzAwMDAwMTgwLCJqdGkiOiJqLTciLCJldmVudHMiOnsiaHR0cDovL3NjaGVtYXMub3BlbmlkLm5ldC9ldmVudC9iYWNrY2hhbm5lbC1sb2dvdXQiOnt9fSwic3ViIjoidS0xIn0.QxebMzYzKUlxuio3QP_PqqxLlBoOarKdCpNexZoOW66xdeDMylhWKVQxQxBOW99FMHIAUOY18MxSYw0UvGVbdg"
    static let iss = "eyJhbGciOiJFUzI1NiIsImtpZCI6ImUxIiwidHlwIjoibG9nb3V0K2p3dCJ9.eyJpc3MiOiJodHRwczovL2V2aWwuZXhhbXBsZSIsImF1ZCI6ImNvbXB0b2lyIiwiaWF0IjoxNzAwMDAwMDAwLCJleHAiOjE3MDAwMDAxMjAsImp0aSI6ImotMSIsImV2ZW50cyI6eyJodHRwOi8vc2NoZW1hcy5vcGVuaWQubmV0L2V2ZW50L2JhY2tjaGFubmVsLWxvZ291dCI6e319LCJzdWIiOiJ1LTEifQ.RZotiE5tG9RMClzq1tNqTqhaCZf77HznLnC45XlVPMnaWryvtAIeVEtkwZwKnbXelTRN6Z8DCjflhmQn5bcoNg"
    static let aud = "eyJhbGciOiJFUzI1NiIsImtpZCI6ImUxIiwidHlwIjoibG9nb3V0K2p3dCJ9.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJhdWQiOiJhbm90aGVyIiwiaWF0IjoxNzAwMDAwMDAwLCJleHAiOjE3MDAwMDAxMjAsImp0aSI6ImotMSIsImV2ZW50cyI6eyJodHRwOi8vc2NoZW1hcy5vcGVuaWQubmV0L2V2ZW50L2JhY2tjaGFubmVsLWxvZ291dCI6e319LCJzdWIiOiJ1LTEifQ.QPVvrICjTJ3VH0CrgyIviEer3OjYd1R724Jvh0ma1MFfnEMdsUuRIMLTgREQYoYjCTCaMD4s28lmAcTbT5hatQ"
    static let exp = "eyJhbGciOiJFUzI1NiIsImtpZCI6ImUxIiwidHlwIjoibG9nb3V0K2p3dCJ9.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJhdWQiOiJjb21wdG9pciIsImlhdCI6MTcwMDAwMDAwMCwiZXhwIjoxNjk5OTk5MDAwLCJqdGkiOiJqLTEiLCJldmVudHMiOnsiaHR0cDovL3NjaGVtYXMub3BlbmlkLm5ldC9ldmVudC9iYWNrY2hhbm5lbC1sb2dvdXQiOnt9fSwic3ViIjoidS0xIn0.3Ncg2nN13z5tamzOwWZVC2u2agsK9dirHskTsIOC5f0BGDVAOjCguu11iHkyFzfrAW2NAwySww7t-6e1lvBorQ"
    static let noExp = "eyJhbGciOiJFUzI1NiIsImtpZCI6ImUxIiwidHlwIjoibG9nb3V0K2p3dCJ9.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJhdWQiOiJjb21wdG9pciIsImlhdCI6MTcwMDAwMDAwMCwianRpIjoiai0xIiwiZXZlbnRzIjp7Imh0dHA6Ly9zY2hlbWFzLm9wZW5pZC5uZXQvZXZlbnQvYmFja2NoYW5uZWwtbG9nb3V0Ijp7fX0sInN1YiI6InUtMSJ9.IhkJ5k6obXhsQxIY-E39xuq7JlipivrXXof71EXrrtAvzk7utbfvD_jycMWJj3SGXLaVO4zQyZKzVu0eB9NZTw"
    static let iat = "eyJhbGciOiJFUzI1NiIsImtpZCI6ImUxIiwidHlwIjoibG9nb3V0K2p3dCJ9.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJhdWQiOiJjb21wdG9pciIsImlhdCI6MTcwMDAwMTAwMCwiZXhwIjoxNzAwMDAyMDAwLCJqdGkiOiJqLTEiLCJldmVudHMiOnsiaHR0cDovL3NjaGVtYXMub3BlbmlkLm5ldC9ldmVudC9iYWNrY2hhbm5lbC1sb2dvdXQiOnt9fSwic3ViIjoidS0xIn0.7o_4goVs_DkdnXJBgIRdhe9nfmJ9AJbqBx5Z91Szflt_RRxet4B6d6nxhIsQO1ItaLXqzz0ceBNTI_xZSQjjsw"
    static let noIat = "eyJhbGciOiJFUzI1NiIsImtpZCI6ImUxIiwidHlwIjoibG9nb3V0K2p3dCJ9.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJhdWQiOiJjb21wdG9pciIsImV4cCI6MTcwMDAwMDEyMCwianRpIjoiai0xIiwiZXZlbnRzIjp7Imh0dHA6Ly9zY2hlbWFzLm9wZW5pZC5uZXQvZXZlbnQvYmFja2NoYW5uZWwtbG9nb3V0Ijp7fX0sInN1YiI6InUtMSJ9.-of-S0FOWfXz9gc_3SzJxLe0OS3jbeVAIIFI4TypRorpPXUTEJlr4TLcmFtvPkdzGymxsJDV7yw4y9ZtYkc2nQ"
    static let jti = "eyJhbGciOiJFUzI1NiIsImtpZCI6ImUxIiwidHlwIjoibG9nb3V0K2p3dCJ9.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJhdWQiOiJjb21wdG9pciIsImlhdCI6MTcwMDAwMDAwMCwiZXhwIjoxNzAwMDAwMTIwLCJldmVudHMiOnsiaHR0cDovL3NjaGVtYXMub3BlbmlkLm5ldC9ldmVudC9iYWNrY2hhbm5lbC1sb2dvdXQiOnt9fSwic3ViIjoidS0xIn0.oZR518ss0vGhAwqqvoVRUTRFjQbMbbUdh7-y5fhGUgOT0cYjKWoI3rfW0Jzhm7nizw8HZZWDDFsTrRwTRPrhMg"
    static let emptyJti = "eyJhbGciOiJFUzI1NiIsImtpZCI6ImUxIiwidHlwIjoibG9nb3V0K2p3dCJ9.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJhdWQiOiJjb21wdG9pciIsImlhdCI6MTcwMDAwMDAwMCwiZXhwIjoxNzAwMDAwMTIwLCJqdGkiOiIiLCJldmVudHMiOnsiaHR0cDovL3NjaGVtYXMub3BlbmlkLm5ldC9ldmVudC9iYWNrY2hhbm5lbC1sb2dvdXQiOnt9fSwic3ViIjoidS0xIn0.MH3df_Lqlh7ITVkse3XfvuAngAhTmvSjMFcYuuWMr1SVxrW85RlUbeumViHmFSDNAPDD0YOjze-xfwr2SUXmig"
    static let events = "eyJhbGciOiJFUzI1NiIsImtpZCI6ImUxIiwidHlwIjoibG9nb3V0K2p3dCJ9.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJhdWQiOiJjb21wdG9pciIsImlhdCI6MTcwMDAwMDAwMCwiZXhwIjoxNzAwMDAwMTIwLCJqdGkiOiJqLTEiLCJzdWIiOiJ1LTEifQ.zpYcyYaAKvQFWAx_KFou0R4UYmm0zfI8CLg1NMDoUkEKwPm7EACNUrncQI5eLcQ12nnIOU9qZI_ixd9xu5auAg"
    static let otherEvent = "eyJhbGciOiJFUzI1NiIsImtpZCI6ImUxIiwidHlwIjoibG9nb3V0K2p3dCJ9.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJhdWQiOiJjb21wdG9pciIsImlhdCI6MTcwMDAwMDAwMCwiZXhwIjoxNzAwMDAwMTIwLCJqdGkiOiJqLTEiLCJldmVudHMiOnsiaHR0cDovL3giOnt9fSwic3ViIjoidS0xIn0.S5UxN9p6LA8f0n1itkGrmv6y9Fah17sRG0lYb0fp_gi3823cVVuFMWBwanokr0EDhbOw9-beN_EBpDP5z-EICA"
    static let eventText = "eyJhbGciOiJFUzI1NiIsImtpZCI6ImUxIiwidHlwIjoibG9nb3V0K2p3dCJ9.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJhdWQiOiJjb21wdG9pciIsImlhdCI6MTcwMDAwMDAwMCwiZXhwIjoxNzAwMDAwMTIwLCJqdGkiOiJqLTEiLCJldmVudHMiOnsiaHR0cDovL3NjaGVtYXMub3BlbmlkLm5ldC9ldmVudC9iYWNrY2hhbm5lbC1sb2dvdXQiOiJ4In0sInN1YiI6InUtMSJ9.KeH-ViMVGCNa1g5tR1vXP-Oc8NTZIaskLKteMvGcuxcbynWvKwnCJ4WxO8_XEL81JikCsea9NTB0149JpMD-pQ"
    static let nonce = "eyJhbGciOiJFUzI1NiIsImtpZCI6ImUxIiwidHlwIjoibG9nb3V0K2p3dCJ9.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJhdWQiOiJjb21wdG9pciIsImlhdCI6MTcwMDAwMDAwMCwiZXhwIjoxNzAwMDAwMTIwLCJqdGkiOiJqLTEiLCJldmVudHMiOnsiaHR0cDovL3NjaGVtYXMub3BlbmlkLm5ldC9ldmVudC9iYWNrY2hhbm5lbC1sb2dvdXQiOnt9fSwic3ViIjoidS0xIiwibm9uY2UiOiJuIn0.jF5bFuoNrG5ohHxsF4j43wHQ7lRvlCzrdXc9qm0UF6EZ2Rigtzqskn2O1JQxbiEsRQdCn1Sf_QXMIWoimstVzQ"
    static let nobody = "eyJhbGciOiJFUzI1NiIsImtpZCI6ImUxIiwidHlwIjoibG9nb3V0K2p3dCJ9.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJhdWQiOiJjb21wdG9pciIsImlhdCI6MTcwMDAwMDAwMCwiZXhwIjoxNzAwMDAwMTIwLCJqdGkiOiJqLTEiLCJldmVudHMiOnsiaHR0cDovL3NjaGVtYXMub3BlbmlkLm5ldC9ldmVudC9iYWNrY2hhbm5lbC1sb2dvdXQiOnt9fX0.h9-BwjVxYudteNthl-hobLePQGvAKIEMaHkGb1kT7SJYrYpnTQ3dshDECs9_3FPYqxqr-UH4jhVNevb-CLQ7qw"
    static let type = "eyJhbGciOiJFUzI1NiIsImtpZCI6ImUxIiwidHlwIjoiYXQrand0In0.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJhdWQiOiJjb21wdG9pciIsImlhdCI6MTcwMDAwMDAwMCwiZXhwIjoxNzAwMDAwMTIwLCJqdGkiOiJqLTEiLCJldmVudHMiOnsiaHR0cDovL3NjaGVtYXMub3BlbmlkLm5ldC9ldmVudC9iYWNrY2hhbm5lbC1sb2dvdXQiOnt9fSwic3ViIjoidS0xIn0.THAXnuCLI3Vgca_5TSKj4N-XL5QbGLMGuQJ3O3HVnSy0rIsvc24RwC8eFi_9VVn98jNCR0-EQ7wMVq4mHfKSvQ"
    static let otherPerson = "eyJhbGciOiJFUzI1NiIsImtpZCI6ImUxIiwidHlwIjoibG9nb3V0K2p3dCJ9.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJhdWQiOiJjb21wdG9pciIsImlhdCI6MTcwMDAwMDAwMCwiZXhwIjoxNzAwMDAwMTIwLCJqdGkiOiJqLTgiLCJldmVudHMiOnsiaHR0cDovL3NjaGVtYXMub3BlbmlkLm5ldC9ldmVudC9iYWNrY2hhbm5lbC1sb2dvdXQiOnt9fSwic3ViIjoidS0yIiwic2lkIjoicy0xIn0.wa_SV15REjZcVwU-bgcvNC9xLGgIzxVdpF2gqrx1PZTjXIzOHOA11E4Fy42mjZFlSQx17FuPxHkDdcBlVVhiAw"
}
