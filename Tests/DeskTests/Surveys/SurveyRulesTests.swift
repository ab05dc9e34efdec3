import Testing
@testable import Desk

@Suite struct SurveyRulesTests {
    @Test(arguments: [("4", 4), (" 5 ", 5), ("4/5", 4), ("4 / 5", 4), ("3 sur 5", 3), ("2 out of 5", 2), ("4️⃣", 4), ("⭐⭐⭐", 3), ("★★★★★", 5), ("> how was it\n\n4", 4), ("5.", 5), ("1!", 1)])
    func aNumberAloneIsARating(text: String, score: Int64) {
        let answer = SurveyRules.answer(text, scale: .stars)
        #expect(answer?.score == score && answer?.comment == nil)
    }
    @Test(arguments: ["", "merci", "0", "6", "45", "2 lampes sont cassées", "4th of July", "3 please call me", "-1", "4/6 boxes", "⭐⭐⭐⭐⭐⭐", "½"])
    func everythingElseIsAMessage(text: String) { #expect(SurveyRules.answer(text, scale: .faces) == nil) }

    @Test func aReplyMayHaveAComment() {
        let answer = SurveyRules.answer("2 – trop long", scale: .faces, isReply: true)
        #expect(answer?.score == 2 && answer?.comment == "trop long")
        #expect(SurveyRules.answer("4 sur 5, merci", scale: .faces, isReply: true)?.comment == "merci")
        #expect(SurveyRules.answer("2nd try", scale: .faces, isReply: true) == nil)
    }
    @Test func recommendingGoesFromZeroToTen() {
        #expect(SurveyRules.answer("0", scale: .nps)?.score == 0 && SurveyRules.answer("10", scale: .nps)?.score == 10 && SurveyRules.answer("10/10", scale: .nps)?.score == 10)
        #expect(SurveyRules.answer("11", scale: .nps) == nil)
    }
    @Test func itMayBeChangedForAWhile() {
        #expect(SurveyRules.until(sentAt: 1000, ratedAt: nil, changeHours: 24) == 1000 + 30 * 86_400_000)
        #expect(SurveyRules.until(sentAt: 1000, ratedAt: 5000, changeHours: 24) == 5000 + 86_400_000)
        #expect(SurveyRules.until(sentAt: 1000, ratedAt: 5000, changeHours: 0) == 5000)
    }
}
