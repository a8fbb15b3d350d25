// build: -pthread
/* A server of Asio's that asks another: parenting_asio HOW THREADS PORT SECOND-PORT
 *
 * All threads run one io_context, so that whatever comes next is done by whoever is free. Of a request for /TAG it asks
 * the server on SECOND-PORT for /TAG, over a connection of its own, and then answers with the tag. HOW says when it
 * asks:
 *
 *   at-once, posted, timer    in the function that was told of the request, in one that is run later, after a while
 *   after                     after a while, when it has answered
 */
#include <asio.hpp>
#include <memory>
#include <string>
#include <thread>
#include <vector>

using asio::ip::tcp;

static std::string how;
static tcp::endpoint second;

struct Call : std::enable_shared_from_this<Call> {
    tcp::socket socket;
    std::string text, answer;
    std::function<void()> done;

    Call(asio::any_io_executor executor, const std::string &path, std::function<void()> then)
        : socket(executor), text("GET " + path + " HTTP/1.1\r\nHost: second\r\nConnection: close\r\n\r\n"), done(then)
    {
    }

    void start()
    {
        auto self = shared_from_this();
        socket.async_connect(second, [self](asio::error_code) {
            asio::async_write(self->socket, asio::buffer(self->text), [self](asio::error_code, size_t) {
                asio::async_read(self->socket, asio::dynamic_buffer(self->answer),
                                 [self](asio::error_code, size_t) { self->done(); });
            });
        });
    }
};

struct Served : std::enable_shared_from_this<Served> {
    tcp::socket socket;
    asio::steady_timer timer;
    std::string text, path, answer;

    explicit Served(tcp::socket &&from) : socket(std::move(from)), timer(socket.get_executor())
    {
    }

    void next()
    {
        auto self = shared_from_this();
        asio::async_read_until(socket, asio::dynamic_buffer(text), "\r\n\r\n",
                               [self](asio::error_code error, size_t size) {
                                   if (error)
                                       return;
                                   self->path = self->text.substr(4, self->text.find(' ', 4) - 4);
                                   self->text.erase(0, size);
                                   self->serve();
                               });
    }

    void ask(std::function<void()> then)
    {
        std::make_shared<Call>(socket.get_executor(), path, then)->start();
    }

    void reply(std::function<void()> then)
    {
        auto self = shared_from_this();
        answer = "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(path.size() - 1) + "\r\n\r\n" + path.substr(1);
        asio::async_write(socket, asio::buffer(answer), [self, then](asio::error_code, size_t) { then(); });
    }

    void later(std::function<void()> then)
    {
        timer.expires_after(std::chrono::milliseconds(3));
        timer.async_wait([then](asio::error_code) { then(); });
    }

    void serve()
    {
        auto self = shared_from_this();
        auto asks = [self] { self->ask([self] { self->reply([self] { self->next(); }); }); };
        if (how == "after")
            reply([self] { self->later([self] { self->ask([self] { self->next(); }); }); });
        else if (how == "timer")
            later(asks);
        else if (how == "posted")
            asio::post(socket.get_executor(), asks);
        else
            asks();
    }
};

static void accept(tcp::acceptor &acceptor)
{
    acceptor.async_accept([&acceptor](asio::error_code error, tcp::socket socket) {
        if (!error)
            std::make_shared<Served>(std::move(socket))->next();
        accept(acceptor);
    });
}

int main(int argc, char **argv)
{
    if (argc < 5)
        return 2;
    how = argv[1];
    second = tcp::endpoint(asio::ip::make_address("127.0.0.1"), static_cast<unsigned short>(std::stoi(argv[4])));
    asio::io_context context;
    tcp::acceptor acceptor(context, tcp::endpoint(second.address(), static_cast<unsigned short>(std::stoi(argv[3]))));
    acceptor.listen(256);
    accept(acceptor);
    std::vector<std::thread> threads;
    for (int i = 0; i < std::stoi(argv[2]); i++)
        threads.emplace_back([&context] { context.run(); });
    for (auto &thread : threads)
        thread.join();
}
