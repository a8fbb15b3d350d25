<?php
declare(strict_types=1);

require_once 'settings.php';

function database(): mysqli
{
    static $database = null;
    if (!$database) {
        mysqli_report(MYSQLI_REPORT_ERROR | MYSQLI_REPORT_STRICT);
        $database = new mysqli(
            setting('BOARD_DB_HOST', '127.0.0.1'),
            setting('BOARD_DB_USER', 'board'),
            setting('BOARD_DB_PASSWORD', ''),
            setting('BOARD_DB_NAME', 'board'),
            (int) setting('BOARD_DB_PORT', '3306'),
        );
        $database->set_charset('utf8mb4');
    }
    return $database;
}

/** The rows of a statement; none where it only has an effect. */
function query(string $text, mixed ...$values): array
{
    $result = database()->execute_query($text, $values);
    return $result instanceof mysqli_result ? $result->fetch_all(MYSQLI_ASSOC) : [];
}
