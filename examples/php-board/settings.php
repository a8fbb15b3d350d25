<?php
declare(strict_types=1);

function setting(string $name, string $default): string
{
    $value = getenv($name);
    return $value === false ? $default : $value;
}
