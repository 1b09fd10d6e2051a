import Endpoint
import Foundation
import Synchronization
import Testing

@Suite("A question")
struct QuestionTests {
    /// Keeps the replies until a test gives the answers.
    private final class Desk: Sendable {
        private let waiting = Mutex<[(text: String, reply: Endpoint.Question.Reply)]>([])

        var count: Int { waiting.withLock { $0.count } }

        func ask(_ query: Endpoint.Question.Query, _ reply: @escaping Endpoint.Question.Reply) {
            let text = query.values(of: "x").joined(separator: ",") + (query.header("X-Who") ?? "")
            waiting.withLock { $0.append((text, reply)) }
        }

        func answerAll() {
            let all = waiting.withLock { waiting in
                defer { waiting = [] }
                return waiting
            }
            for (text, reply) in all {
                // On another thread than that which asked.
                Thread { reply(.page(Endpoint.Page(body: Array(text.utf8), contentType: "text/plain"))) }.start()
            }
        }
    }

    private let desk = Desk()

    private func endpoint(_ change: (inout Endpoint.Settings) -> Void = { _ in }) throws -> Endpoint {
        try Endpoint.forTest { [desk] settings in
            settings.questions = [
                .init(path: "/ask") { desk.ask($0, $1) },
                .init(path: "/refuse") { _, reply in reply(.refused("There is no such thing.")) },
            ]
            settings.questionWait = .seconds(600)
            change(&settings)
        }
    }

    @Test("Each client gets the answer to its own query, also when the answers come late")
    func ownAnswers() throws {
        let endpoint = try endpoint()
        let clients = try (0..<20).map { _ in try endpoint.client() }
        for round in 1...3 {
            for (number, client) in clients.enumerated() {
                try client.request("GET", "/ask?x=\(number)&y=1&x=\(round)", headers: ["X-Who: me"])
            }
            #expect(becomesTrue { desk.count == clients.count })
            desk.answerAll()
            for (number, client) in clients.enumerated() {
                let answer = try client.answer()
                #expect(answer.status == 200)
                #expect(answer.text == "\(number),\(round)me")
                #expect(answer.headers["cache-control"] == "no-store")
            }
        }
        #expect(endpoint.count(of: 200) == 60)
    }

    @Test("A question without an answer delays neither a scrape nor another question")
    func others() throws {
        let endpoint = try endpoint()
        endpoint.publish("page 1")
        let waiting = try endpoint.client()
        try waiting.request("GET", "/ask?x=1")
        #expect(becomesTrue { desk.count == 1 })
        #expect(try endpoint.get("/metrics").text == "page 1")
        #expect(try endpoint.get("/refuse").status == 400)
        desk.answerAll()
        #expect(try waiting.answer().text == "1")
    }

    @Test("A refused query is answered with 400 and the sentence")
    func refused() throws {
        let answer = try endpoint().get("/refuse?x=1")
        #expect(answer.status == 400)
        #expect(answer.text.contains("There is no such thing."))
    }

    @Test("A question whose answer does not come in time is answered with 503")
    func late() throws {
        let endpoint = try endpoint { $0.questionWait = .milliseconds(50) }
        #expect(try endpoint.get("/ask").status == 503)
        // It comes for nobody, and does no harm.
        desk.answerAll()
        #expect(try endpoint.get("/refuse").status == 400)
    }

    @Test("An answer for a client that has gone goes to nobody else")
    func gone() throws {
        let endpoint = try endpoint()
        do {
            let client = try endpoint.client()
            try client.request("GET", "/ask?x=secret")
            #expect(becomesTrue { desk.count == 1 })
        }
        let next = try endpoint.client()
        try next.request("GET", "/ask?x=mine")
        #expect(becomesTrue { desk.count == 2 })
        desk.answerAll()
        #expect(try next.answer().text == "mine")
    }

    @Test("Stopping answers the questions that wait with 503")
    func stopping() throws {
        let endpoint = try endpoint()
        let client = try endpoint.client()
        try client.request("GET", "/ask")
        #expect(becomesTrue { desk.count == 1 })
        endpoint.stop(drain: .seconds(60))
        #expect(try client.answer().status == 503)
        desk.answerAll()
    }
}
