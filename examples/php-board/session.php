<?php
declare(strict_types=1);
// PHP's own sessions, which phpredis keeps in Redis.

require_once 'settings.php';

function open_session(array $options = []): void
{
    session_start($options + [
        'save_handler' => 'redis',
        'save_path' => sprintf('tcp://%s:%s?prefix=session:', setting('BOARD_REDIS_HOST', '127.0.0.1'), setting('BOARD_REDIS_PORT', '6379')),
        'name' => 'session',
        'use_strict_mode' => true,
        'cookie_httponly' => true,
        'cookie_samesite' => 'Lax',
    ]);
}

function begin_session(string $username): void
{
    open_session();
    session_regenerate_id(true);
    $_SESSION['username'] = $username;
    session_write_close();
}

/** The user who is logged in, or null. */
function session_user(): ?string
{
    if (isset($_COOKIE['session'])) {
        open_session(['read_and_close' => true]);
    }
    return $_SESSION['username'] ?? null;
}

function end_session(): void
{
    open_session();
    session_destroy();
    setcookie('session', '', ['expires' => 1, 'path' => '/', 'httponly' => true, 'samesite' => 'Lax']);
}
