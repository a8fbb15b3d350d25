<?php
declare(strict_types=1);
// A message board over HTTP: php -S HOST:PORT index.php. Settings are environment variables: see the README.

set_include_path(__DIR__);
require_once 'database.php';
require_once 'redis.php';
require_once 'session.php';
require_once 'weather.php';
require_once 'web.php';

const DUPLICATE = 1062;

function credentials(): array
{
    ['username' => $username, 'password' => $password] = body() + ['username' => null, 'password' => null];
    if (!is_string($username) || !is_string($password) || $username === '' || $password === '') {
        throw new HttpError('username and password are required', 400);
    }
    return [$username, $password];
}

function logged_in(): string
{
    return session_user() ?? throw new HttpError('not logged in', 401);
}

function register(): array
{
    [$username, $password] = credentials();
    $hash = password_hash($password, PASSWORD_DEFAULT);
    try {
        query('INSERT INTO users (username, password_hash) VALUES (?, ?)', $username, $hash);
    } catch (mysqli_sql_exception $error) {
        throw $error->getCode() === DUPLICATE ? new HttpError('username is taken', 409) : $error;
    }
    log_action("register $username");
    return [201, ['username' => $username]];
}

function login(): array
{
    [$username, $password] = credentials();
    [$user] = query('SELECT password_hash FROM users WHERE username = ?', $username) + [null];
    if (!$user || !password_verify($password, $user['password_hash'])) {
        throw new HttpError('wrong username or password', 401);
    }
    begin_session($username);
    log_action("login $username");
    return [200, ['username' => $username]];
}

function logout(): array
{
    $username = logged_in();
    end_session();
    log_action("logout $username");
    return [200, ['username' => $username]];
}

function post(): array
{
    $username = logged_in();
    $text = body()['text'] ?? '';
    if (!is_string($text) || $text === '') {
        throw new HttpError('text is required', 400);
    }
    query('INSERT INTO messages (username, text) VALUES (?, ?)', $username, $text);
    log_action("post $username");
    return [201, ['id' => database()->insert_id]];
}

function messages(): array
{
    return [200, query('SELECT id, username, text FROM messages ORDER BY id')];
}

function search(): array
{
    $word = $_GET['q'] ?? '';
    if (!is_string($word) || $word === '') {
        throw new HttpError('q is required', 400);
    }
    return [200, query('SELECT id, username, text FROM messages WHERE text LIKE ? ORDER BY id', "%$word%")];
}

function redis_logs(): array
{
    return [200, latest_actions(20)];
}

function users(): array
{
    return [200, query('SELECT id, username FROM users ORDER BY id')];
}

function messages_of(string $username): array
{
    if (!query('SELECT id FROM users WHERE username = ?', $username)) {
        throw new HttpError('no such user', 404);
    }
    return [200, query('SELECT id, username, text FROM messages WHERE username = ? ORDER BY id', $username)];
}

function fail(): never
{
    throw new Exception('this always fails');
}

function write_log(): array
{
    error_log('a line in the log');
    return [200, ['logged' => true]];
}

function board(string $count = '10'): array
{
    $city = $_GET['city'] ?? 'Berlin';
    $weather = weather(is_string($city) ? $city : 'Berlin');
    $messages = query('SELECT id, username, text FROM messages ORDER BY id DESC LIMIT ?', $count);
    log_action("board $count");
    return [200, ['weather' => $weather, 'messages' => $messages]];
}

$routes = [
    ['POST', '/register', register(...)],
    ['POST', '/login', login(...)],
    ['POST', '/logout', logout(...)],
    ['POST', '/db/message', post(...)],
    ['GET', '/db/messages', messages(...)],
    ['GET', '/db/messages/search', search(...)],
    ['GET', '/logs/redis', redis_logs(...)],
    ['GET', '/admin/users', users(...)],
    ['GET', '/admin/users/{username}/messages', messages_of(...)],
    ['GET', '/user', fail(...)],
    ['GET', '/log', write_log(...)],
    ['GET', '/board', board(...)],
    ['GET', '/board/{count:int}', board(...)],
];

try {
    [$run, $parameters] = find_route($routes, $_SERVER['REQUEST_METHOD'], parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH));
    send(...$run(...$parameters));
} catch (HttpError $error) {
    send($error->getCode(), ['error' => $error->getMessage()]);
} catch (Throwable $error) {
    error_log((string) $error);
    send(500, ['error' => 'internal server error']);
}
